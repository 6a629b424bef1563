// Each code is thrown where docs/errors.md says so, by real servers, with its class, its run and node, and whether the
// call may succeed later.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import * as everything from '@flowcraft/rabbitmq-adapter'
import {
  createAesCodec,
  createRabbitMqReconciler,
  migrate,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { promised } from './table.js'

/** A client throws these (client/). */
const OF_A_CLIENT = ['RUN_EXISTS', 'RUN_NOT_ENDED', 'RUN_FAILED', 'RUN_CANCELLED', 'RUN_STALLED', 'RESULT_TIMEOUT']
/** Schedules throw these (schedules/api). */
const OF_SCHEDULES = ['SCHEDULE_NOT_FOUND', 'SCHEDULE_EXISTS', 'SCHEDULE_INVALID', 'BACKFILL_TOO_LARGE']
/** A node fails with this one (durable/heartbeat). */
const OF_NODES = ['HEARTBEAT_TIMEOUT']
/** These come of races, of a pooler (servers/pooler), of a worker that is not ready (operating/health), of a process that ends,
 * and of our own mistakes. */
const OF_CHANCE = ['RUN_BUSY', 'POOLER_UNFIT', 'NODE_KILLED_WORKERS', 'NOT_READY', 'STOPPING', 'INTERNAL']
const NOT_CAUSED_HERE = [...OF_A_CLIENT, ...OF_SCHEDULES, ...OF_NODES, ...OF_CHANCE]

const exported = new Map(Object.entries(everything))

const NOBODY = '127.0.0.1:1'
const bound = createFlow('bound')
  .wait('gate')
  .node('then', async () => ({ output: 1 }))
  .edge('gate', 'then', { action: 'in' })
const pausing = createFlow('pausing')
  .node('a', async () => ({ output: 1 }))
  .wait('pause')
  .edge('a', 'pause')

let servers
let table
/** Not started. */
let adapter
/** Waits at `pause`. */
let awaiting
/** Waits at `gate`, whose only edge is bound to `in`. */
let deciding
/** Cancelled. */
let over
const seen = new Set()
before(async () => {
  table = await promised()
  servers = await openSharedServers()
  adapter = servers.adapter([pausing, bound], { started: false })
  const worker = servers.adapter([pausing, bound])
  deciding = await servers.begin(bound)
  await servers.settled(deciding, ['awaiting'])
  awaiting = await servers.begin(pausing)
  over = await servers.begin(pausing)
  await servers.settled(awaiting, ['awaiting'])
  await servers.settled(over, ['awaiting'])
  await adapter.cancel(over)
  await worker.stop()
})
after(() => servers.close())

/** What a call throws: its code, the class and `retryable` of the table, and these properties. */
async function throws(code, call, { name, ...properties } = {}) {
  let error
  try {
    await call()
  } catch (thrown) {
    error = thrown
  }
  assert.ok(error instanceof Error, `${code}: nothing was thrown`)
  assert.equal(error.code, code, error.stack)
  const { classes, retryable } = table.get(code)
  assert.equal(error.name, name ?? classes[0], error.stack)
  assert.ok(error instanceof (exported.get(error.name) ?? TypeError))
  if (error.name !== 'TypeError') {
    const { runId, nodeId, sqlState, option } = error
    const known = Object.fromEntries(Object.entries({ runId, nodeId, sqlState, option }).filter(([, value]) => value))
    assert.deepEqual({ retryable: error.retryable, ...known }, { retryable, ...properties })
  } else {
    assert.deepEqual({ ...error }, { code, ...properties })
  }
  seen.add(code)
  return error
}

/** A run whose row is this. */
async function row(context) {
  const runId = servers.runId()
  await servers.pg.query(`INSERT INTO ${servers.contextTable} VALUES ($1, $2)`, [runId, JSON.stringify(context)])
  return runId
}

/** A URL with something else in it. */
function changed(url, change) {
  const copy = new URL(url)
  Object.assign(copy, change)
  return copy.href
}

describe('about a run', () => {
  it('that nobody has begun', async () => {
    const runId = 'nobody-began-it'
    for (const call of [
      () => adapter.resumeWithAction(runId, 'x'),
      () => adapter.sendEvent(runId, 'x'),
      () => adapter.cancel(runId),
      () => adapter.retry(runId),
      () => adapter.reconcile(runId),
    ]) {
      await throws('RUN_NOT_FOUND', call, { runId })
    }
  })

  it('that is over', async () => {
    await throws('RUN_ENDED', () => adapter.sendEvent(over, 'x'), { runId: over })
    await throws('RUN_ENDED', () => adapter.resumeWithAction(over, 'x'), { runId: over })
  })

  it('whose id says what an error says', async () => {
    const runId = 'Sending the event: the run is over: it is completed'
    await throws('RUN_NOT_FOUND', () => adapter.sendEvent(runId, 'x'), { runId })
  })

  it('that does not wait, at this node or at all', async () => {
    const properties = { runId: awaiting, nodeId: 'a' }
    await throws('NODE_NOT_AWAITING', () => adapter.resumeWithAction(awaiting, 'x', 1, 'a'), properties)
    const runId = await row({})
    await throws('NODE_NOT_AWAITING', () => adapter.resumeWithAction(runId, 'x'), { runId })
  })

  it('whose node has no edge for the action', async () => {
    const properties = { runId: deciding, nodeId: 'gate' }
    await throws('ACTION_UNKNOWN', () => adapter.resumeWithAction(deciding, 'x'), properties)
  })

  it('that has not failed', async () => {
    await throws('RUN_NOT_FAILED', () => adapter.retry(awaiting), { runId: awaiting })
  })

  it('whose row is no document', async () => {
    for (const context of ['text', { _flowcraft: 'text' }]) {
      const runId = await row(context)
      await throws('CONTEXT_UNREADABLE', () => adapter.cancel(runId), { runId })
    }
  })

  it('whose blueprint nobody here can follow', async () => {
    const unknown = await row({ blueprintId: 'nobody-has-it' })
    await throws('BLUEPRINT_UNKNOWN', () => adapter.reconcile(unknown), { runId: unknown })
    const unnamed = await row({})
    await throws('BLUEPRINT_UNKNOWN', () => adapter.reconcile(unnamed), { runId: unnamed })
    const blueprint = pausing.toBlueprint()
    const other = { ...blueprint, metadata: { version: 'other' } }
    const newer = servers.adapter(pausing, { started: false, runtime: { blueprints: { pausing: other } } })
    await throws('BLUEPRINT_VERSION', () => newer.reconcile(awaiting), { runId: awaiting })
    const broken = { ...blueprint, edges: [{ source: 'a', target: 'nowhere' }] }
    const bad = servers.adapter(pausing, { started: false, runtime: { blueprints: { pausing: broken } } })
    await throws('BLUEPRINT_INVALID', () => bad.reconcile(awaiting), { runId: awaiting })
  })
})

describe('about what a caller passes', () => {
  it('to a context', async () => {
    const context = new PostgresContext('r', { client: urls.database, tableName: servers.contextTable })
    const circular = {}
    circular.self = circular
    await throws('VALUE_NOT_STORABLE', () => context.set('k', circular))
    await throws('VALUE_NOT_STORABLE', () => adapter.sendEvent(awaiting, 'x', 1n))
    const far = { name: 'FlowcraftAdapterError', runId: 'nul\0', sqlState: '22021' }
    await throws('VALUE_NOT_STORABLE', () => adapter.createContext('nul\0').get('k'), far)
    await throws('RESERVED_KEY', () => context.set('_flowcraft', 1))
    await throws('RESERVED_KEY', () => context.patch([{ op: 'delete', key: '_flowcraft' }]))
    await throws('INVALID_ARGUMENT', () => context.set(5, 1))
    await throws('INVALID_ARGUMENT', () => context.delete(5))
  })

  it('to a method', async () => {
    await throws('INVALID_ARGUMENT', () => adapter.cancel(5))
    await throws('INVALID_ARGUMENT', () => adapter.enqueueJob({ runId: 1 }), { name: 'FlowcraftAdapterError' })
    await throws('INVALID_OPTION', () => adapter.listDeadLetters({ limit: 0 }), { option: 'limit' })
    await throws('INVALID_OPTION', () => adapter.webhookHandler(), { option: 'webhook' })
    await throws('INVALID_OPTION', () => adapter.registerWebhookEndpoint('r', 'n'), { option: 'webhook' })
  })

  it('to a constructor', async () => {
    const options = servers.options(pausing)
    for (const [option, wrong] of [
      ['amqpConnection', 'amqp://h:port'],
      ['pgClient', 'postgres://h:port'],
      ['queueType', 'stream'],
      ['concurrency', 0],
    ]) {
      await throws('INVALID_OPTION', () => new RabbitMqAdapter({ ...options, [option]: wrong }), { option })
    }
    const many = { ...options, pgClient: { host: 'h', max: 'many' } }
    await throws('INVALID_OPTION', () => new RabbitMqAdapter(many), { option: 'pgClient.max' })
    await throws('INVALID_OPTION', () => new RedisCoordinationStore('redis://h:port'), { option: 'redis' })
    await throws('INVALID_OPTION', () => migrate({ ...options, direction: 'sideways' }), { option: 'direction' })
    const wrong = { ...options, adapter, stalledThresholdSeconds: '1' }
    await throws('INVALID_OPTION', () => createRabbitMqReconciler(wrong), { option: 'stalledThresholdSeconds' })
  })
})

describe('about PostgreSQL', () => {
  const context = (client, tableName = servers.contextTable) => new PostgresContext('r', { client, tableName })

  it('without a table or a column', async () => {
    const none = `${servers.name}.none`
    await throws('TABLE_MISSING', () => context(urls.database, none).get('k'), { runId: 'r' })
    const tables = { pgClient: urls.database, contextTableName: none, statusTableName: servers.statusTable }
    await throws('TABLE_MISSING', () => migrate(tables))
    const narrow = `${servers.name}.narrow`
    await servers.pg.query(`CREATE TABLE ${narrow} (run_id TEXT PRIMARY KEY, status TEXT)`)
    await throws('COLUMN_MISSING', () => context(urls.database, narrow).get('k'), { runId: 'r' })
    const reconciler = createRabbitMqReconciler({
      adapter,
      pgClient: urls.database,
      statusTableName: narrow,
      stalledThresholdSeconds: 1,
    })
    await throws('COLUMN_MISSING', () => reconciler.run())
    const view = `${servers.name}.shown`
    await servers.pg.query(`CREATE VIEW ${view} AS SELECT * FROM ${servers.contextTable}`)
    await throws('TABLE_UNFIT', () => context(urls.database, view).get('k'), { runId: 'r' })
  })

  it('whose table has other ids', async () => {
    const numbered = `${servers.name}.numbered`
    await servers.pg.query(`CREATE TABLE ${numbered} (run_id UUID PRIMARY KEY, context_data JSONB NOT NULL)`)
    await throws('RUN_ID_INVALID', () => context(urls.database, numbered).get('k'), { runId: 'r' })
  })

  it('whose table refuses what is written', async () => {
    const strict = `${servers.name}.strict`
    await servers.pg.query(
      `CREATE TABLE ${strict} (run_id TEXT PRIMARY KEY, context_data JSONB CHECK (NOT context_data ? 'forbidden'))`,
    )
    await context(urls.database, strict).set('allowed', 1)
    const refused = () => context(urls.database, strict).set('forbidden', 1)
    await throws('WRITE_REFUSED', refused, { runId: 'r', sqlState: '23514' })
  })

  it('out of reach', async () => {
    await throws('DATABASE_UNREACHABLE', () => context(`postgres://u:p@${NOBODY}/db`).get('k'), { runId: 'r' })
    await throws('DATABASE_UNREACHABLE', () => context(`postgres://u:p@${NOBODY}/db`).set('k', 1), { runId: 'r' })
  })

  it('that refuses', async () => {
    const elsewhere = changed(urls.direct, { pathname: '/nobody_made_it' })
    await throws('DATABASE_REFUSED', () => context(elsewhere).get('k'), { runId: 'r', sqlState: '3D000' })
  })

  it('that has no connection left', async (t) => {
    const role = `${servers.name}_crowd`
    await servers.pg.query(`CREATE ROLE ${role} LOGIN PASSWORD 'crowd' CONNECTION LIMIT 0`)
    t.after(() => servers.pg.query(`DROP ROLE ${role}`))
    const crowded = changed(urls.direct, { username: role, password: 'crowd' })
    await throws('DATABASE_BUSY', () => context(crowded).get('k'), { runId: 'r', sqlState: '53300' })
  })
})

describe('about RabbitMQ', () => {
  const job = { runId: 'r', blueprintId: 'pausing', nodeId: 'a' }
  const over = (amqpConnection) => servers.adapter(pausing, { started: false, amqpConnection })

  it('out of reach', async () => {
    await throws('BROKER_UNREACHABLE', () => over(`amqp://${NOBODY}`).enqueueJob(job))
    await throws('BROKER_UNREACHABLE', () => over(`amqp://${NOBODY}`).listDeadLetters())
  })

  it('that refuses', async () => {
    await throws('BROKER_REFUSED', () => over(changed(urls.amqp, { password: 'wrong' })).enqueueJob(job))
    await throws('BROKER_REFUSED', () => over(changed(urls.amqp, { pathname: '/nobody_made_it' })).enqueueJob(job))
  })

  it('whose queue was deleted', async (t) => {
    const queueName = `${servers.queue}_deleted`
    t.after(() => servers.channel.deleteQueue(queueName))
    const publisher = servers.adapter(pausing, { started: false, queueName })
    await publisher.enqueueJob(job)
    await servers.channel.deleteQueue(queueName)
    await throws('QUEUE_MISSING', () => publisher.enqueueJob(job))
    await publisher.enqueueJob(job)
  })

  it('whose live connection is closed', async () => {
    const connection = await amqplib.connect(urls.amqp)
    const told = []
    const worker = servers.adapter(pausing, { amqpConnection: connection, onError: (error) => told.push(error) })
    await until(async () => (await servers.channel.checkQueue(servers.queue)).consumerCount > 0)
    await connection.close()
    await until(() => told.length > 0)
    await throws('BROKER_LOST', () => Promise.reject(told[0]))
    await worker.stop()
  })
})

it('about a node to run again from', async () => {
  const run = adapter.client.run(deciding)
  await throws('NODE_UNKNOWN', () => run.rerunFrom('nowhere'), { runId: deciding, nodeId: 'nowhere' })
  await throws('NODE_NOT_RERUNNABLE', () => run.rerunFrom('then'), { runId: deciding, nodeId: 'then' })
})

it('about encrypted values', async () => {
  const form = (text) => ({ '_flowcraft.encrypted': text })
  const runId = await row({ card: form(`A1.k.${'A'.repeat(80)}`), lost: form('A1.other.AAAA') })
  const codec = createAesCodec({ keys: { k: randomBytes(32) }, current: 'k' })
  const context = new PostgresContext(runId, { client: urls.database, tableName: servers.contextTable, codec })
  await throws('VALUE_UNREADABLE', () => context.get('card'), { runId })
  await throws('VALUE_KEY_MISSING', () => context.get('lost'), { runId })
})

describe('about coordination', () => {
  it('by Redis out of reach, and one that refuses', async () => {
    const store = new RedisCoordinationStore(`redis://${NOBODY}`)
    for (const call of [
      () => store.get('k'),
      () => store.increment('k', 1),
      () => store.setIfNotExist('k', 'v', 1),
      () => store.extendTTL('k', 1),
      () => store.delete('k'),
    ]) {
      await throws('REDIS_UNREACHABLE', call)
    }
    const refused = new RedisCoordinationStore(changed(urls.redis, { username: 'nobody', password: 'wrong' }))
    await throws('REDIS_REFUSED', () => refused.get('k'))
  })

  it('by a store of the user’s own', async () => {
    const fail = async () => {
      throw new Error('redis://user:s3cret@h/ does not answer')
    }
    const methods = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get']
    const coordinationStore = Object.fromEntries(methods.map((method) => [method, fail]))
    const own = servers.adapter(pausing, { started: false, coordinationStore })
    const runId = await row({})
    const error = await throws('COORDINATION_STORE_FAILED', () => own.reconcile(runId))
    assert.match(error.message, /redis:\/\/user:\*\*\*@h\/ does not answer/)
  })
})

it('about a final result that the user’s override did not publish', async () => {
  class Failing extends RabbitMqAdapter {
    async publishFinalResult() {
      throw new Error('the bucket is full')
    }
  }
  const failing = servers.adapter(pausing, { started: false, Adapter: Failing })
  assert.equal(await failing.cancel(awaiting), true, 'that took effect')
  await throws('RESULT_NOT_PUBLISHED', () => failing.reconcile(awaiting), { runId: awaiting })
})

it('an error’s stack leads to who called', async () => {
  async function whoCalls() {
    await adapter.cancel('nobody-began-it')
  }
  const error = await throws('RUN_NOT_FOUND', whoCalls, { runId: 'nobody-began-it' })
  assert.match(error.stack, /whoCalls/)
})

it('every code was thrown, but for those that cannot be caused here', () => {
  const missing = [...table.keys()].filter((code) => !seen.has(code))
  assert.deepEqual(missing.sort(), [...NOT_CAUSED_HERE].sort())
})
