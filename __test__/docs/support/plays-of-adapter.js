// Plays of examples: those of the adapter, of stores and contexts, of errors, and of functions.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  FlowcraftAdapterError,
  HeartbeatTimeoutError,
  PostgresContext,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { environmentFor } from '../../testing/support.js'
import { AWAITING, answered, completes, failedOnce, hooked, paid, says } from './stages.js'

const contextOf = ({ servers }) => ({
  context: new PostgresContext('order-17', { client: servers.pgClient, tableName: servers.contextTableName }),
})
const storeOf = ({ servers }) => ({ store: new RedisCoordinationStore(servers.amqpConnection) })
const keysFor = (...names) => Object.fromEntries(names.map((name) => [name, randomBytes(32).toString('base64')]))

/** Leaves a message of a blueprint that no worker has. */
async function deadLetter({ adapter, settle }) {
  await adapter.enqueueJob({ runId: 'lost', blueprintId: 'nobody has it', nodeId: 'any' })
  await settle()
}

export const ADAPTER_PLAYS = {
  'RabbitMqAdapter.constructor': {
    gives: 'adapter',
    holds: (_, adapter) => assert.equal(adapter.health().reasons[0].code, 'NOT_STARTED'),
  },
  'RabbitMqAdapter.start': {
    stage: { workers: 1, runs: [] },
    first: ({ adapter }) => adapter.stop(),
    holds: async ({ adapter }) => assert.equal((await adapter.ready({ timeoutMs: 5_000 })).ready, true),
  },
  'RabbitMqAdapter.stop': {
    more: () => {
      const handlers = []
      return { handlers, process: { once: (_, handler) => handlers.push(handler) } }
    },
    holds: async ({ adapter, handlers }) => {
      await handlers[0]()
      assert.equal(adapter.health().ready, false)
    },
  },
  'RabbitMqAdapter.client': { gives: 'run', holds: async ({ expectRun }, run) => expectRun(run).toAwait('approval') },
  'RabbitMqAdapter.reconcile': { stage: AWAITING, holds: says('published again: ') },
  'RabbitMqAdapter.resumeWithAction': { stage: AWAITING, holds: completes },
  'RabbitMqAdapter.sendEvent': { stage: { flow: paid, at: 'paid' }, holds: completes },
  'RabbitMqAdapter.cancel': { stage: AWAITING, gives: 'wentOn', holds: (_, wentOn) => assert.equal(wentOn, true) },
  'RabbitMqAdapter.retry': {
    before: failedOnce,
    gives: 'nodes',
    holds: (_, nodes) => assert.deepEqual([...nodes], ['charge']),
  },
  'RabbitMqAdapter.listDeadLetters': {
    stage: { runs: [], adapter: { blueprintTimeout: 0 } },
    first: deadLetter,
    holds: ({ said }) => assert.deepEqual([said.length, said[0][2]], [1, 'lost']),
  },
  'RabbitMqAdapter.replayDeadLetters': {
    stage: { runs: [], adapter: { blueprintTimeout: 0 } },
    first: deadLetter,
    holds: async ({ adapter }) => assert.equal((await adapter.listDeadLetters()).length, 1),
  },
  'RabbitMqAdapter.registerWebhookEndpoint': {
    stage: { flow: hooked, at: 'payment' },
    more: () => {
      const asked = []
      return { asked, provider: { createPayment: async (payment) => asked.push(payment) } }
    },
    holds: async ({ asked, deliver, expectRun }) => {
      assert.equal((await deliver(asked[0].notifyUrl, { body: { paid: true } })).status, 202)
      await expectRun('order-17').toHaveCompleted()
    },
  },
  'RabbitMqAdapter.webhookHandler': {
    holds: async ({ served: [[handler]] }) => assert.equal((await answered(handler, '/nowhere', 'POST')).status, 404),
  },
  'RabbitMqAdapter.health': {
    first: ({ adapter }) => adapter.stop(),
    holds: ({ said: [[[reason]]] }) => assert.equal(reason.code, 'NOT_STARTED'),
  },
  'RabbitMqAdapter.ready': { holds: ({ adapter }) => assert.equal(adapter.health().ready, true) },
  'RabbitMqAdapter.healthHandler': {
    holds: async ({ served: [[handler, port]] }) =>
      assert.deepEqual([port, (await answered(handler, '/live')).status], [9000, 200]),
  },
  'RabbitMqAdapter.metricsHandler': {
    more: () => {
      const mounted = []
      return { mounted, app: { get: (...given) => mounted.push(given) } }
    },
    holds: async ({ mounted: [[path, handler]] }) => assert.match((await answered(handler, path)).body, /^# HELP/m),
  },

  createRabbitMqReconciler: {
    stage: AWAITING,
    gives: 'stalledRuns',
    holds: (_, stalled) => assert.equal(stalled, 0),
  },
  migrate: { holds: ({ said }) => assert.ok(said.length > 0) },
  migrationStatus: { holds: says('run migrate()') },
  createAesCodec: {
    more: () => ({ process: { env: keysFor('PAYMENTS_KEY', 'OLD_PAYMENTS_KEY') } }),
    gives: 'codec',
    holds: (_, codec) => {
      const place = { runId: 'r', key: 'k', owner: 'r', text: 'r k' }
      assert.equal(codec.decode(codec.encode('"secret"', place), place), '"secret"')
    },
  },
  childRun: {
    more: () => ({ pay: () => ({ output: 'paid' }) }),
    wraps: (code) => `return ${code}`,
    holds: async ({ t }, flow) => {
      const shipping = createFlow('shipping').node('send', async ({ context }) => {
        await context.set('trackingNumber', `7 to ${await context.get('address')}`)
        return { output: 'sent' }
      })
      const { client, expectRun } = await environmentFor(t, { order: flow, shipping })
      const run = await client.start('order', { context: { address: 'Rome' } })
      await expectRun(run).toHaveCompleted({ outputs: { ship: '7 to Rome' } })
    },
  },
  ChildRunError: {
    more: ({ ChildRunError }) => {
      const [heard, alerted] = [{}, []]
      const cause = new ChildRunError({ runId: 'child', status: 'failed', reason: 'declined' })
      return {
        heard,
        alerted,
        cause,
        bus: { on: (type, hear) => (heard[type] = hear) },
        alert: (id) => alerted.push(id),
      }
    },
    holds: ({ heard, alerted, cause }) => {
      heard['node:error']({ error: new Error('it failed', { cause }) })
      heard['node:error']({ error: new Error('another') })
      assert.deepEqual(alerted, ['child'])
    },
  },
  RetryAfter: {
    more: () => ({ response: new Response('', { status: 429, headers: { 'retry-after': '30' } }) }),
    throws: { name: 'RetryAfter', afterMs: 30_000 },
  },
  MissingKeyError: { more: () => ({ keys: new Map(), id: 'k1' }), throws: { name: 'MissingKeyError', keyId: 'k1' } },
  FlowcraftAdapterError: {
    more: () => ({
      adapter: {
        resumeWithAction: async () => {
          throw new FlowcraftAdapterError('later', { code: 'DATABASE_UNREACHABLE', retryable: true })
        },
      },
      tryAgainLater: () => 'again',
    }),
    holds: (_, answer) => assert.equal(answer, 'again'),
  },
  HeartbeatTimeoutError: {
    more: () => {
      const closed = []
      const reason = new HeartbeatTimeoutError('silent', { code: 'HEARTBEAT_TIMEOUT' })
      return { closed, signal: AbortSignal.abort(reason), connection: { close: async () => closed.push(true) } }
    },
    holds: ({ closed }) => assert.deepEqual(closed, [true]),
  },
  ValueCodec: {
    more: () => ({
      vault: { encrypt: (text, { authenticated }) => `${authenticated}|${text}`, decrypt: (text) => text },
    }),
    gives: 'codec',
    holds: (_, codec) => assert.equal(codec.encode('1', { text: 'here' }), 'here|1'),
  },

  PostgresContext: {
    stage: AWAITING,
    gives: 'context',
    holds: async (_, context) => assert.equal(await context.get('amount'), 42),
  },
  'PostgresContext.get': {
    stage: AWAITING,
    more: contextOf,
    gives: 'amount',
    holds: (_, amount) => assert.equal(amount, 42),
  },
  'PostgresContext.has': { stage: AWAITING, more: contextOf, holds: says('not approved yet') },
  'PostgresContext.set': {
    stage: AWAITING,
    more: contextOf,
    holds: async ({ context }) => assert.equal(await context.get('note'), 'the customer called'),
  },
  'PostgresContext.delete': {
    stage: AWAITING,
    more: contextOf,
    first: ({ context }) => context.set('note', 'old'),
    holds: async ({ context }) => assert.equal(await context.has('note'), false),
  },
  'PostgresContext.toJSON': {
    stage: AWAITING,
    more: contextOf,
    gives: 'amount',
    holds: (_, amount) => assert.equal(amount, 42),
  },
  'PostgresContext.patch': {
    stage: AWAITING,
    more: contextOf,
    first: ({ context }) => context.set('note', 'old'),
    holds: async ({ context }) =>
      assert.deepEqual([await context.get('approvedBy'), await context.has('note')], ['ada', false]),
  },

  'RedisCoordinationStore.constructor': {
    gives: 'coordinationStore',
    holds: async (_, store) => assert.equal(await store.get('none'), undefined),
  },
  'RedisCoordinationStore.increment': { more: storeOf, gives: 'visits', holds: (_, visits) => assert.equal(visits, 1) },
  'RedisCoordinationStore.setIfNotExist': {
    more: storeOf,
    gives: 'isMine',
    holds: (_, isMine) => assert.equal(isMine, true),
  },
  'RedisCoordinationStore.extendTTL': {
    more: storeOf,
    first: ({ store }) => store.setIfNotExist('report:2026-11', 'w', 1),
    holds: async ({ store, clock }) => {
      await clock.advance('30 s')
      assert.equal(await store.get('report:2026-11'), 'w')
    },
  },
  'RedisCoordinationStore.delete': {
    more: storeOf,
    first: ({ store }) => store.setIfNotExist('report:2026-11', 'w', 60),
    holds: async ({ store }) => assert.equal(await store.get('report:2026-11'), undefined),
  },
  'RedisCoordinationStore.get': {
    more: storeOf,
    first: ({ store }) => store.setIfNotExist('report:2026-11', 'w', 60),
    gives: 'holder',
    holds: (_, holder) => assert.equal(holder, 'w'),
  },
}
