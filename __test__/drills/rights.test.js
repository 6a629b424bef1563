// The rights that docs/security.md gives are enough: a worker and a client with them, and no others, run a workflow.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { createRabbitMqClient, migrate, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import Redis from 'ioredis'
import { pageOf, sectionOf } from '../fixtures/pages.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'

const TABLES = { contextTableName: 'flowcraft_contexts', statusTableName: 'flowcraft_statuses' }
const USER = { username: 'orders', password: 'secret' }

let servers
let redis
before(async () => {
  servers = await openPrivateServers()
  redis = new Redis(servers.urls.redis)
})
after(async () => {
  redis?.disconnect()
  await servers?.close()
})

/** The words of a command line. */
const words = (line) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare)
const as = (url, path) => Object.assign(new URL(url), USER, path && { pathname: path }).href

it('a worker and a client need the rights of docs/security.md, and no others', async () => {
  const commands = sectionOf(await pageOf('docs/security.md'), 'Rights')
  const lineOf = (part) => words(commands.match(new RegExp(`^ {4}(${part} .*)$`, 'm'))[1])

  await servers.sql(`CREATE TABLE flowcraft_contexts (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);
    CREATE TABLE flowcraft_statuses
      (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW());
    CREATE ROLE orders LOGIN PASSWORD 'secret'`)
  await migrate({ pgClient: servers.urls.direct, ...TABLES })
  for (const [, grant] of commands.matchAll(/^ {4}(GRANT .*)$/gm)) await servers.sql(grant)
  const ctl = (...args) => servers.rabbitmq.ctl(...args)
  await ctl('add_vhost', 'orders')
  await ctl('add_user', USER.username, USER.password)
  await ctl(...lineOf('rabbitmqctl').slice(1))
  await redis.call(...lineOf('ACL'))

  const order = createFlow('order')
    .node('charge', async () => ({ output: 'charged' }), { config: { maxRetries: 2, retryDelay: 1, limit: 'cards' } })
    .sleep('nap', { duration: 200 })
    .wait('approval')
    .node('ship', async () => ({ output: 'shipped' }))
    .edge('charge', 'nap')
    .edge('nap', 'approval')
    .edge('approval', 'ship')
  const said = []
  const log = (message) => said.push(message)
  const logger = { debug() {}, info() {}, warn: log, error: log }
  const options = {
    amqpConnection: as(servers.urls.amqp, '/orders'),
    pgClient: as(servers.urls.direct),
    coordinationStore: new RedisCoordinationStore(as(servers.urls.redis)),
    queueName: 'flowcraft-jobs',
    ...TABLES,
  }
  const limits = { cards: { concurrency: 2 } }
  const worker = new RabbitMqAdapter({
    ...options,
    limits,
    runtimeOptions: {
      blueprints: { order: order.toBlueprint() },
      registry: Object.fromEntries(order.getFunctionRegistry()),
      logger,
    },
  })
  worker.start()
  const client = createRabbitMqClient({ ...options, blueprints: { order }, logger })
  try {
    const run = await client.start('order', { runId: 'o-1' })
    await until(async () =>
      (await run.describe()).nodes.some(({ nodeId, state }) => nodeId === 'approval' && state === 'awaiting'),
    )
    await run.resume({})
    assert.equal((await run.result({ timeoutMs: 20_000 })).context['_outputs.ship'], 'shipped')
    await client.schedules.create({ id: 'often', everyMs: 1000, blueprintId: 'order' })
    await until(async () => (await client.schedules.describe('often')).counts.started > 0)
    await client.schedules.delete('often')
    await client.pause({ queue: 'another' })
    await client.unpause({ queue: 'another' })
    await worker.enqueueJob({ runId: 'o-2', blueprintId: 'order', nodeId: 'ship' })
    await until(async () => (await worker.listDeadLetters()).length === 1)
    await client.purge({ olderThan: 0 })
    await assert.rejects(run.describe(), { code: 'RUN_NOT_FOUND' })
    assert.deepEqual(
      said.filter((message) => /denied|permission|refuse|NOPERM|ACCESS/i.test(message)),
      [],
    )
  } finally {
    await worker.stop()
    await client.close()
  }
})
