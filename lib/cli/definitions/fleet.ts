/** What is looked at first: the set-up, the queues, the workers; and what keeps them going. */
import type { Command, Flag } from '../command.js'

export const BLUEPRINTS: Flag = {
  words: 'a module that exports the blueprints: createFlow(…) or blueprints, alone or in an object of them',
  value: 'module',
  isPath: true,
}

export const FLEET_COMMANDS: readonly Command[] = [
  {
    name: 'doctor',
    summary: 'Looks at servers, tables, queues, workers and runs, and says of each what was found and what to do.',
    words: [
      'Changes nothing. Ends with 0 if nothing is at fault, else with 1. A note (!) is no fault: it works, but could be better.',
      'Without a URL of Redis everything about Redis is left out.',
    ],
    flags: {
      'max-backlog': { words: 'more messages that wait in a queue are a fault', value: 'number' },
      'max-age': {
        words: 'a running run that last changed longer ago is a fault (10m); without it, a note after 10m',
        value: 'time',
      },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'doctor', words: 'everything, with AMQP_URL, DATABASE_URL and REDIS_URL set' },
      { line: 'doctor --max-backlog 10000 --max-age 10m -o json', words: 'for a monitor' },
      { line: 'doctor -o jsonl | jq -r \'select(.level == "fault") | .found\'', words: 'the faults alone' },
    ],
    load: () => import('../commands/doctor.js'),
  },
  {
    name: 'queues',
    summary:
      'Shows of each queue how much waits, who consumes it, and how long ago its oldest running run last changed.',
    words: [
      'Messages and consumers come from RabbitMQ, the age from the record: only the 10,000 running runs that changed least recently count. ' +
        'Messages that a worker holds do not count as waiting.',
      "With the address of RabbitMQ's management plugin it shows what each queue takes and gives a second, and what workers hold.",
    ],
    flags: {
      'management-url': {
        words: 'URL of the management plugin, with a login (RABBITMQ_MANAGEMENT_URL)',
        value: 'url',
      },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'queues', words: 'the queue of jobs and its dead letters' },
      { line: 'queues --management-url http://monitor:pass@localhost:15672', words: 'with rates' },
    ],
    load: () => import('../commands/queues.js'),
  },
  {
    name: 'workers',
    summary: 'Lists the workers that are alive, with what they work.',
    words: [
      'Workers register in Redis, and without Redis in the table of step 4 of migrate. Those of version 1 and 2.0.0 do not.',
    ],
    groups: ['output', 'servers'],
    examples: [
      { line: 'workers', words: 'who is alive' },
      { line: "workers -o json | jq '.[].blueprints | keys'", words: 'what each works' },
    ],
    load: () => import('../commands/workers.js'),
  },
  {
    name: 'limits',
    summary: 'Shows how much of each limit is in use, by key, and how many jobs wait for it.',
    words: ['Those that nodes asked for within a day; the 1,000 that were asked for last.'],
    groups: ['output', 'servers'],
    examples: [
      { line: 'limits', words: 'all of them' },
      { line: "limits -o json | jq '.[] | select(.waiting > 0)'", words: 'those that jobs wait for' },
    ],
    load: () => import('../commands/limits.js'),
  },
  {
    name: 'reconcile',
    summary: 'Publishes again what is due of runs that nobody has worked on for a while.',
    words: [
      'Workers do this by themselves. It is for runs whose workers have been gone, and for fleets of version 1.',
      'Changes nothing in runs that are worked on: what is held is not published.',
    ],
    flags: {
      blueprints: BLUEPRINTS,
      stale: { words: 'how long ago a run last changed, at least; default 5m', value: 'time' },
      every: { words: 'goes on, and does it again after this time', value: 'time' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'reconcile --blueprints ./flows.js', words: 'once' },
      { line: 'reconcile --blueprints ./flows.js --every 1m --stale 10m', words: 'until Ctrl-C' },
    ],
    load: () => import('../commands/reconcile.js'),
  },
  {
    name: 'worker',
    summary: 'Starts the adapters that a module exports, and stops them on SIGTERM or Ctrl-C.',
    words: [
      'Adapters are exported alone, in an array or in an object; a function as the default export is called first. ' +
        'A second signal ends the process at once: what was in hand comes again.',
    ],
    args: [{ name: 'module', words: 'a path', required: true }],
    endsItself: true,
    examples: [{ line: 'worker ./worker.js', words: 'until SIGTERM' }],
    load: () => import('../commands/worker.js'),
  },
]
