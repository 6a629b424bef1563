/** Flags that many commands share. */
import type { Command, FlagGroup, Flags } from './command.js'
import { FORMATS } from './output.js'

/** Those of every command. */
export const COMMON: Flags = {
  help: { words: 'shows the help of the command', short: 'h' },
  version: { words: 'shows the version of this package' },
}

const SERVERS: Flags = {
  amqp: { words: 'URL of RabbitMQ; several URLs of one cluster separated by commas (AMQP_URL)', value: 'url' },
  database: { words: 'connection string of PostgreSQL (DATABASE_URL)', value: 'url' },
  redis: { words: 'URL of Redis (REDIS_URL)', value: 'url' },
  contexts: { words: 'the table of contexts; default flowcraft_contexts', value: 'table' },
  statuses: { words: 'the table of statuses; default flowcraft_statuses', value: 'table' },
  queue: { words: 'the queue of jobs; default flowcraft-queue', value: 'name' },
  codec: {
    words: "a module that exports the workers' codec, where values are encrypted",
    value: 'module',
    isPath: true,
  },
  config: { words: 'the file of settings; default .flowcraft.json of this folder', value: 'file', isPath: true },
}

const OUTPUT: Flags = {
  output: { words: 'how data is written', value: 'format', short: 'o', choices: FORMATS },
}

const FILTERS: Flags = {
  status: {
    words: 'only runs of this status: running, awaiting, completed, failed, cancelled',
    value: 'status',
    many: true,
  },
  blueprint: { words: 'only runs of this blueprint', value: 'id' },
  tag: { words: 'only runs that have this tag; several times for all of them', value: 'tag', many: true },
  'waiting-at': { words: 'only runs that wait at this node', value: 'node' },
  error: { words: 'only runs that ended for a reason of which this is a part, or with this code', value: 'text' },
  paused: { words: 'only runs that a person has paused' },
  'not-paused': { words: 'only runs that no person has paused' },
  prefix: { words: 'only runs whose ids begin so', value: 'text' },
  'created-before': { words: 'only runs that a client started before: a date, or how long ago (2h)', value: 'time' },
  'updated-before': { words: 'only runs that last changed before: a date, or how long ago (2h)', value: 'time' },
  limit: { words: 'at most so many runs', value: 'number' },
}

const CONFIRMATION: Flags = {
  yes: { words: 'does it without asking', short: 'y' },
}

export const GROUPS: Record<FlagGroup, { title: string; flags: Flags }> = {
  filters: { title: 'Which runs', flags: FILTERS },
  output: { title: 'Format', flags: OUTPUT },
  confirmation: { title: 'Confirmation', flags: CONFIRMATION },
  servers: { title: 'Servers and tables', flags: SERVERS },
}

/** Every flag that a command takes. */
export function flagsOf({ flags = {}, groups = [] }: Command): Flags {
  return Object.assign({}, flags, ...groups.map((group) => GROUPS[group].flags), COMMON)
}
