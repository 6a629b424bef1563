/** `runs …`: one run, or a list. */
import type { Argument, Command, Flag, Flags } from '../command.js'
import { BLUEPRINTS } from './fleet.js'

const RUN: Argument = { name: 'run-id', words: 'the id of the run', required: true }

const RUN_ID: Flag = { words: 'the id of the run; default: a new one', value: 'id' }
const ON_CONFLICT: Flag = {
  words: 'what becomes of a run of that id',
  value: 'policy',
  choices: ['reject', 'use-existing', 'restart-if-ended'],
}
const WAIT: Flags = {
  wait: { words: 'waits for its end, as runs result does' },
  timeout: { words: 'how long to wait', value: 'time' },
}

export const RUNS_COMMANDS: readonly Command[] = [
  {
    name: 'runs list',
    summary: 'Lists runs, in the order of their ids.',
    words: ['Ids that a client made are in the order in which the runs were started: --desc shows the newest first.'],
    flags: { desc: { words: 'from the last id to the first' } },
    groups: ['filters', 'output', 'servers'],
    examples: [
      { line: 'runs list --status failed --limit 20', words: 'twenty that failed' },
      { line: 'runs list --status running --updated-before 10m', words: 'those that may be stuck' },
      { line: 'runs list --tag customer:42', words: 'those of a customer' },
      { line: 'runs list --blueprint order -o jsonl | wc -l', words: 'how many there are of a blueprint' },
    ],
    load: () => import('../commands/runs-list.js'),
  },
  {
    name: 'runs show',
    summary: 'Shows a run: its status and reason, and its nodes as a tree with states, attempts and times.',
    words: ['The tree needs the blueprint (--blueprints); without it the nodes that were reached are listed.'],
    args: [RUN],
    flags: {
      blueprints: BLUEPRINTS,
      'with-context': { words: 'shows the context too' },
      errors: { words: 'shows every attempt that failed, with its stack' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs show order-17', words: 'how it stands' },
      { line: 'runs show order-17 --errors', words: 'why it failed, attempt by attempt' },
      { line: 'runs show order-17 --blueprints ./flows.js --with-context', words: 'the whole graph, and the context' },
    ],
    load: () => import('../commands/runs-show.js'),
  },
  {
    name: 'runs history',
    summary:
      'Shows every attempt at the nodes of a run: what went in, what came out or why it failed; the latest first.',
    words: [
      'Workers keep it by the option history. -o json has it whole: workers, stacks, and what nodes logged through job.logger.',
    ],
    args: [RUN],
    flags: {
      node: { words: 'at this node alone, by its place in the run', value: 'node' },
      limit: { words: 'how many at most; default 100', value: 'number' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs history order-17', words: 'what happened last' },
      { line: "runs history order-17 --node charge -o jsonl | jq '.log[].message'", words: 'what one node logged' },
    ],
    load: () => import('../commands/runs-history.js'),
  },
  {
    name: 'runs compare',
    summary: 'Compares two runs: how each stands, the nodes that went another way, the keys whose values differ.',
    words: ['A run that was run again from a node of another is compared with that one where no second run is named.'],
    args: [RUN, { name: 'other-run-id', words: 'the id of the run it is compared with' }],
    flags: { all: { words: 'shows the nodes that are alike, too' } },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs compare order-17 order-18', words: 'why one failed and the other did not' },
      { line: 'runs compare order-17-corrected', words: 'what came out otherwise when it was run again' },
    ],
    load: () => import('../commands/runs-compare.js'),
  },
  {
    name: 'runs result',
    summary: 'Waits for the end of a run, and prints its context as JSON.',
    words: ['Of a run that failed or was cancelled it says why, and ends with 1.'],
    args: [RUN],
    flags: { timeout: { words: 'how long to wait; default: until the end', value: 'time' } },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs result order-17 --timeout 30s', words: 'its context' },
      { line: 'runs result order-17 -o json | jq \'.context["_outputs.ship"]\'', words: 'one output' },
    ],
    load: () => import('../commands/runs-result.js'),
  },
  {
    name: 'runs watch',
    summary: 'Shows a run live until it ends; ends with 0 only if it completes.',
    words: ['On a terminal the tree is drawn over; elsewhere each change is a line. It polls PostgreSQL.'],
    args: [RUN],
    flags: {
      blueprints: BLUEPRINTS,
      interval: { words: 'how often it looks; default 1s', value: 'time' },
      timeout: { words: 'how long to watch; default: until the end', value: 'time' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs watch order-17', words: 'until it ends' },
      { line: 'runs watch order-17 -o jsonl', words: 'a line of JSON for each change' },
    ],
    load: () => import('../commands/runs-watch.js'),
  },
  {
    name: 'runs start',
    summary: 'Starts a run, and prints its id.',
    args: [{ name: 'blueprint', words: 'the id of the blueprint', required: true }],
    flags: {
      blueprints: BLUEPRINTS,
      'run-id': RUN_ID,
      context: { words: 'its context: a JSON object, @file for a file, - for standard input', value: 'json' },
      tag: { words: 'what the run is found by; several times for several tags', value: 'tag', many: true },
      'on-conflict': ON_CONFLICT,
      'start-at': { words: 'when it begins: a date', value: 'time' },
      'time-limit': { words: 'how long it may take: it fails if it is not over by then', value: 'time' },
      concurrency: { words: 'how many of its nodes are executed at a time: 1 to 100000', value: 'number' },
      priority: { words: 'how urgent its jobs are: 0 to 255, the greater the sooner', value: 'number' },
      'version-of': { words: 'the version that the blueprint has to have', value: 'version' },
      ...WAIT,
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs start order --blueprints ./flows.js --context \'{"amount":42}\'', words: 'a new run' },
      { line: 'runs start order --run-id order-17 --on-conflict use-existing --wait', words: 'once, and its result' },
    ],
    load: () => import('../commands/runs-start.js'),
  },
  {
    name: 'runs rerun',
    summary: 'Starts a new run that begins at a node of another, and prints its id.',
    words: [
      'What was done before the node stays done; the node and all that depends on it run again. The first run stays as it is.',
      'Where the new run could come out another way than the first, it is refused, with a node from which it can be run again.',
    ],
    args: [RUN],
    flags: {
      from: { words: 'the node to run again from', value: 'node' },
      blueprints: BLUEPRINTS,
      context: {
        words: 'keys that get another value: a JSON object, @file for a file, - for standard input',
        value: 'json',
      },
      input: {
        words: "the node's input: JSON, @file for a file, - for standard input; default: the one it had",
        value: 'json',
      },
      'run-id': RUN_ID,
      'on-conflict': ON_CONFLICT,
      ...WAIT,
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs rerun order-17 --from charge --blueprints ./flows.js', words: 'again from a node' },
      {
        line: 'runs rerun order-17 --from charge --context \'{"amount":40}\' --run-id order-17-corrected',
        words: 'with another amount',
      },
    ],
    load: () => import('../commands/runs-rerun.js'),
  },
  {
    name: 'runs throughput',
    summary: 'Counts the runs that ended, by steps of time.',
    words: ['Without step 10 of migrate it reads the status table whole, and does not count what was purged.'],
    flags: {
      within: { words: 'the time until now; default 1h', value: 'time' },
      step: { words: 'the length of a step; default: a sixtieth of it', value: 'time' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'runs throughput', words: 'the last hour, by minutes' },
      { line: 'runs throughput --within 1d --step 1h', words: 'the last day, by hours' },
    ],
    load: () => import('../commands/runs-throughput.js'),
  },
  {
    name: 'runs counts',
    summary: 'Counts runs by blueprint and status.',
    words: ['Reads both tables whole: it takes its time on large ones.'],
    groups: ['output', 'servers'],
    examples: [{ line: 'runs counts', words: 'how many there are of each' }],
    load: () => import('../commands/runs-counts.js'),
  },
]
