/** `runs …`: what is done to runs, to some by their ids or to all that a filter finds. */
import type { Argument, Command } from '../command.js'

const RUNS: Argument = { name: 'run-id', words: 'ids of runs; without any, the filters say which', many: true }
/** What holds for every action on many runs. */
export const BULK =
  'Without ids it concerns all runs that the filters find: how many they are and the first of them are shown before anything is done. ' +
  'Interrupted, the same command goes on with those that are left.'

function action(name: string, { load, ...rest }: Omit<Command, 'name' | 'args' | 'groups'>): Command {
  const words = [...(rest.words ?? []), BULK]
  return { ...rest, name, args: [RUNS], words, groups: ['filters', 'confirmation', 'output', 'servers'], load }
}

const ALL = { words: 'all runs, where no other filter is given' }

export const RUN_ACTIONS: readonly Command[] = [
  action('runs cancel', {
    summary: 'Ends runs as cancelled; nothing new of them starts. It cannot be undone.',
    flags: { all: ALL, reason: { words: 'why, for those who look later', value: 'text' } },
    examples: [
      { line: "runs cancel order-17 --reason 'asked by the customer'", words: 'one' },
      {
        line: 'runs cancel --status awaiting --blueprint order --updated-before 30d',
        words: 'all that have waited for a month',
      },
    ],
    load: () => import('../commands/runs-cancel.js'),
  }),
  action('runs pause', {
    summary: 'Pauses runs: no further node of them is executed until they are unpaused.',
    words: [
      'What is being executed ends, and counts. A run that is paused has its status still; runs show says since when.',
    ],
    flags: { all: ALL, reason: { words: 'why, for those who look later', value: 'text' } },
    examples: [
      { line: "runs pause order-17 --reason 'the customer disputes it'", words: 'one' },
      { line: 'runs pause --tag customer:42', words: 'all that go on of a customer' },
    ],
    load: () => import('../commands/runs-pause.js'),
  }),
  action('runs unpause', {
    summary: 'Lets paused runs go on where they are.',
    flags: { all: ALL },
    examples: [{ line: 'runs unpause order-17', words: 'one' }],
    load: () => import('../commands/runs-unpause.js'),
  }),
  action('runs retry', {
    summary: 'Starts failed runs again from the nodes that failed, keeping what is done.',
    words: [
      'Each is retried once. The same command finds those too that have failed again since; with --updated-before and the moment at ' +
        'which the first one began it does not.',
    ],
    flags: { all: ALL },
    examples: [
      { line: 'runs retry order-17', words: 'one' },
      { line: 'runs retry --blueprint order --yes', words: 'all failed ones of a blueprint, without asking' },
    ],
    load: () => import('../commands/runs-retry.js'),
  }),
  action('runs resume', {
    summary: 'Lets paused nodes of runs go on.',
    flags: {
      all: ALL,
      action: { words: 'decides their edges', value: 'action' },
      data: { words: "the node's output: JSON, @file for a file, - for standard input", value: 'json' },
      node: { words: 'one of several paused nodes; default: all', value: 'id' },
    },
    examples: [
      { line: 'runs resume order-17 --action approved --data \'{"by":"ada"}\'', words: 'an approval' },
      { line: 'runs resume --blueprint order --action expired', words: 'all that await' },
    ],
    load: () => import('../commands/runs-resume.js'),
  }),
  action('runs send-event', {
    summary: 'Tells runs of an event; nodes that wait for it go on.',
    words: ['While none waits, the event is kept for the first node that will.'],
    flags: {
      all: ALL,
      event: { words: 'the name of the event', value: 'name' },
      data: { words: 'its payload: JSON, @file for a file, - for standard input', value: 'json' },
      'idempotency-key': { words: 'a run that knows this key ignores the event', value: 'key' },
    },
    examples: [{ line: 'runs send-event order-17 --event payment:received --data \'{"amount":42}\'', words: 'one' }],
    load: () => import('../commands/runs-send-event.js'),
  }),
  action('runs delete', {
    summary: 'Removes runs that are over: both rows, the journal, and what Redis keeps. It cannot be undone.',
    flags: { all: ALL },
    examples: [
      { line: 'runs delete order-17', words: 'one' },
      {
        line: 'runs delete --status failed --blueprint order --updated-before 30d',
        words: 'all failed ones of a blueprint older than a month',
      },
    ],
    load: () => import('../commands/runs-delete.js'),
  }),
  {
    name: 'runs purge',
    summary: 'Removes all runs that have been over for a while, 500 at a time. It cannot be undone.',
    words: ['The quickest way to make room. runs delete takes the filters of runs list, and removes one by one.'],
    flags: {
      'older-than': { words: 'how long ago they last changed, at least', value: 'time' },
      status: { words: 'only of this status: completed, failed, cancelled', value: 'status', many: true },
      tag: { words: 'only runs that have this tag; several times for all of them', value: 'tag', many: true },
    },
    groups: ['confirmation', 'output', 'servers'],
    examples: [
      { line: 'runs purge --older-than 30d', words: 'all that ended more than 30 days ago' },
      { line: 'runs purge --older-than 7d --status completed --yes', words: 'from a schedule' },
      { line: 'runs purge --older-than 0s --tag customer:42', words: 'all that is over of a customer' },
    ],
    load: () => import('../commands/runs-purge.js'),
  },
]
