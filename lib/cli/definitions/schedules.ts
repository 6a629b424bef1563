/** `schedules …`: runs that start by themselves. */
import type { Argument, Command } from '../command.js'

const SCHEDULE: Argument = { name: 'schedule-id', words: 'the id of the schedule', required: true }
const TABLE = 'Schedules are kept in the table that migrate makes (step 6).'

export const SCHEDULE_COMMANDS: readonly Command[] = [
  {
    name: 'schedules list',
    summary: 'Lists schedules, in the order of their ids, each with its next due time and what became of the others.',
    words: [TABLE],
    flags: { blueprint: { words: 'only those of this blueprint', value: 'id' } },
    groups: ['output', 'servers'],
    examples: [
      { line: 'schedules list', words: 'all of them' },
      {
        line: "schedules list -o jsonl | jq 'select(.counts.missed > 0) | .scheduleId'",
        words: 'where runs are missing',
      },
    ],
    load: () => import('../commands/schedules-list.js'),
  },
  {
    name: 'schedules show',
    summary: 'Shows a schedule: when it is due, what becomes of due times, and its last runs.',
    args: [SCHEDULE],
    groups: ['output', 'servers'],
    examples: [{ line: 'schedules show nightly', words: 'how it stands' }],
    load: () => import('../commands/schedules-show.js'),
  },
  {
    name: 'schedules create',
    summary: 'Creates a schedule. Workers that have its blueprint start its runs.',
    words: [TABLE],
    args: [SCHEDULE, { name: 'blueprint', words: 'the id of the blueprint', required: true }],
    flags: {
      cron: { words: 'when it is due: five fields, or six with seconds before them', value: 'pattern' },
      'time-zone': { words: 'the time zone of the pattern; default UTC', value: 'zone' },
      every: { words: 'in place of a pattern: the time from one run to the next', value: 'time' },
      context: {
        words: 'the context of its runs: a JSON object, @file for a file, - for standard input',
        value: 'json',
      },
      tag: { words: 'what its runs are found by; several times for several tags', value: 'tag', many: true },
      overlap: {
        words: 'what becomes of a due time while an earlier run goes on; default skip',
        value: 'policy',
        choices: ['skip', 'queue', 'allow'],
      },
      'max-queued': { words: 'how many due times wait at most with --overlap queue; default 1', value: 'number' },
      'catch-up': { words: 'how late a run may start; default 1h', value: 'time' },
      'start-at': { words: 'it is due then at the earliest: a date', value: 'time' },
      'end-at': { words: 'it is due then at the latest: a date', value: 'time' },
      paused: { words: 'it pauses from the start' },
      note: { words: 'why it pauses', value: 'text' },
      'on-conflict': {
        words: 'what becomes of a schedule of that id; default reject',
        value: 'policy',
        choices: ['reject', 'update'],
      },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: "schedules create nightly report --cron '30 2 * * *' --time-zone Europe/Berlin", words: 'every night' },
      { line: 'schedules create poll inbox --every 5m --overlap skip', words: 'every five minutes' },
    ],
    load: () => import('../commands/schedules-create.js'),
  },
  {
    name: 'schedules pause',
    summary: 'Has a schedule pause. What is due meanwhile passes.',
    args: [SCHEDULE],
    flags: { note: { words: 'why, for those who look later', value: 'text' } },
    groups: ['output', 'servers'],
    examples: [{ line: "schedules pause nightly --note 'the warehouse is moving'", words: 'until it is resumed' }],
    load: () => import('../commands/schedules-pause.js'),
  },
  {
    name: 'schedules resume',
    summary: 'Has a schedule go on from now.',
    args: [SCHEDULE],
    groups: ['output', 'servers'],
    examples: [{ line: 'schedules resume nightly', words: 'its next due time is the next one from now' }],
    load: () => import('../commands/schedules-resume.js'),
  },
  {
    name: 'schedules trigger',
    summary: 'Has a run of a schedule started now, and prints its id.',
    words: ['A worker starts it, within about a second, also while the schedule pauses.'],
    args: [SCHEDULE],
    groups: ['output', 'servers'],
    examples: [{ line: 'schedules trigger nightly', words: 'one run more' }],
    load: () => import('../commands/schedules-trigger.js'),
  },
  {
    name: 'schedules backfill',
    summary: 'Has the runs of due times of the past started that have none, and says how many due times there are.',
    words: ['At most 10,000 at a time. They do not wait for each other.'],
    args: [SCHEDULE],
    flags: {
      from: { words: 'the first moment: a date, or how long ago', value: 'time' },
      to: { words: 'the last moment; default now', value: 'time' },
    },
    groups: ['output', 'servers'],
    examples: [{ line: 'schedules backfill nightly --from 2026-11-01 --to 2026-11-08', words: 'a week' }],
    load: () => import('../commands/schedules-backfill.js'),
  },
  {
    name: 'schedules delete',
    summary: 'Removes a schedule. Its runs stay.',
    args: [SCHEDULE],
    groups: ['confirmation', 'output', 'servers'],
    examples: [{ line: 'schedules delete nightly --yes', words: 'without asking' }],
    load: () => import('../commands/schedules-delete.js'),
  },
]
