// How long the queries take that look through the tables of all runs: the reconciler's and those of the worker's own
// repair. PostgreSQL itself tells, in its log.
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { NullLogger } from 'flowcraft'
import pg from 'pg'
import { packageUnderTest } from './package.js'
import { median } from './statistics.js'
import { idleQueue } from './tables.js'

/** How often the worker is made to look, and for how long, in milliseconds. */
const LOOK = 200
const LOOKING = 3_000
/** A duration and its statement up to the first parameter, in PostgreSQL's log. */
const DURATION = /duration: ([\d.]+) ms\s+(?:statement|execute [^:]*): (\w[^$]*)/

export async function queriesInFullTables(world) {
  const { createRabbitMqReconciler, RabbitMqAdapter, RedisCoordinationStore } = await packageUnderTest()
  const log = await logOf(world.urls.database)
  const begin = await log()
  const url = new URL(world.urls.database)
  url.search = '?options=-c%20log_min_duration_statement=0'
  const settings = {
    runtimeOptions: { blueprints: {}, registry: {}, logger: new NullLogger() },
    coordinationStore: new RedisCoordinationStore(world.urls.redis),
    amqpConnection: world.urls.amqp,
    pgClient: url.href,
    contextTableName: `${world.name}.contexts`,
    statusTableName: `${world.name}.statuses`,
    // Of the workers of one queue one looks at a time, and the measured one has the lead in its own.
    queueName: idleQueue(world.name),
    repairInterval: LOOK,
  }
  const adapter = new RabbitMqAdapter(settings)
  const reconciler = createRabbitMqReconciler({
    adapter,
    pgClient: url.href,
    statusTableName: settings.statusTableName,
    stalledThresholdSeconds: 60,
    logger: new NullLogger(),
  })
  for (let i = 0; i < 5; i++) await reconciler.run()
  const between = await log()
  adapter.start()
  await sleep(LOOKING)
  await adapter.stop()
  const end = await log()
  return {
    reconcilerMs: slowest(between.slice(begin.length), world.name),
    repairMs: slowest(end.slice(between.length), world.name),
  }
}

/** Of the statements that name the tables, the time of the slowest: its median. Undefined if there are none. */
function slowest(text, name) {
  const times = new Map()
  for (const entry of text.split(/\n(?=\d{4}-\d\d-\d\d )/)) {
    const [, duration, statement] = entry.match(DURATION) ?? []
    if (statement?.includes(name)) times.set(statement, [...(times.get(statement) ?? []), Number(duration)])
  }
  return times.size > 0 ? Math.max(...[...times.values()].map(median)) : undefined
}

/** Reads the log of a private server, which lies beside its data; of any other, there is nothing to read. */
async function logOf(connectionString) {
  const database = new pg.Client({ connectionString })
  await database.connect()
  const { rows } = await database.query('SHOW data_directory')
  await database.end()
  const file = join(dirname(rows[0].data_directory), 'server.log')
  return () => readFile(file, 'utf8').catch(() => '')
}
