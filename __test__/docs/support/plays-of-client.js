// Plays of examples: those of a client, of a run and of schedules.
import assert from 'node:assert/strict'
import { until } from '../../fixtures/until.js'
import { AWAITING, completes, failedOnce, isStatus, paidAndShipping, says } from './stages.js'

const TABLES = { tables: true, runs: [] }
const nightly = ({ client }) => client.schedules.create({ id: 'nightly', cron: '30 2 * * *', blueprintId: 'report' })
const letGo = async ({ run, expectRun }) => {
  await run.resume({ action: 'approved' })
  await expectRun(run).toHaveCompleted()
}
const cancelled = ({ run }) => run.cancel()
const gone = async ({ run }) => assert.rejects(() => run.describe(), { code: 'RUN_NOT_FOUND' })

export const CLIENT_PLAYS = {
  createRabbitMqClient: {
    gives: 'run',
    holds: async ({ client }, { runId }) => assert.equal((await client.run(runId).describe()).blueprintId, 'order'),
  },
  'ClosableClient.close': { holds: async ({ expectRun }) => expectRun('order-18').toAwait('approval') },
  'RabbitMqClient.start': {
    stage: AWAITING,
    holds: async ({ client }) =>
      assert.equal((await client.list({ tags: ['customer:42', 'region:eu'] })).runs.length, 1),
  },
  'RabbitMqClient.startMany': {
    more: () => ({ orders: [{ id: 'one' }, { id: 'two' }] }),
    holds: async ({ expectRun }) => {
      for (const run of ['one', 'two']) await expectRun(run).toAwait('approval')
    },
  },
  'RabbitMqClient.run': { stage: AWAITING, holds: isStatus('cancelled') },
  'RabbitMqClient.list': {
    before: failedOnce,
    holds: async ({ expectRun, run }) => expectRun(run).toAwait('approval'),
  },
  'RabbitMqClient.counts': { stage: AWAITING, holds: says('order', 'awaiting', 1) },
  'RabbitMqClient.throughput': {
    stage: AWAITING,
    first: letGo,
    holds: ({ said: [[from, status, count]] }) =>
      assert.deepEqual([from instanceof Date, status, count], [true, 'completed', 1]),
  },
  'RabbitMqClient.workers': {
    holds: ({ said: [[id, version, queues, age]] }) =>
      assert.match([id, version, queues, age].join(' '), /^\S+ \d+\.\d+\.\d+ \S+ \d+ ms ago$/),
  },
  'RabbitMqClient.limits': {
    stage: AWAITING,
    holds: ({ said }) => assert.deepEqual(said, []),
  },
  'RabbitMqClient.purge': {
    stage: AWAITING,
    first: async ({ client }) => {
      await client.start('report', { runId: 'tagged', tags: ['customer:42'] })
      await client.run('tagged').result()
    },
    holds: async ({ client }) =>
      assert.deepEqual(
        (await client.list()).runs.map(({ runId }) => runId),
        ['order-17'],
      ),
  },
  'RabbitMqClient.pause': {
    stage: TABLES,
    holds: async ({ client }) => assert.equal((await client.paused()).length, 2),
  },
  'RabbitMqClient.unpause': {
    stage: TABLES,
    first: ({ client }) => client.pause({ queue: 'mails' }),
    holds: async ({ client }) => assert.deepEqual(await client.paused(), []),
  },
  'RabbitMqClient.paused': {
    stage: TABLES,
    first: ({ client }) => client.pause({ queue: 'mails', reason: 'the provider is down' }),
    holds: ({ said: [[name, , reason]] }) => assert.deepEqual([name, reason], ['mails', 'the provider is down']),
  },

  'RunHandle.result': {
    stage: AWAITING,
    first: letGo,
    gives: 'context',
    holds: (_, context) => assert.equal(context.amount, 42),
  },
  'RunHandle.describe': {
    stage: AWAITING,
    gives: 'waiting',
    holds: (_, [{ nodeId }]) => assert.equal(nodeId, 'approval'),
  },
  'RunHandle.history': {
    stage: { ...AWAITING, tables: true, adapter: { history: true } },
    first: ({ run }) => until(async () => (await run.history()).attempts.length > 0),
    holds: says(1, 'done', undefined, 'charged'),
  },
  RunDescription: {
    stage: AWAITING,
    first: letGo,
    holds: ({ said: [[took], ...nodes] }) => {
      assert.match(took, /^took \d+ ms$/)
      assert.deepEqual(nodes.map(([nodeId]) => nodeId).sort(), ['approval', 'charge', 'ship'])
    },
  },
  'RunHandle.watch': { stage: AWAITING, first: letGo, holds: says('completed', 0) },
  'RunHandle.cancel': { stage: AWAITING, holds: isStatus('cancelled') },
  'RunHandle.pause': {
    stage: AWAITING,
    holds: async ({ run }) => assert.equal((await run.describe()).paused.reason, 'the customer disputes it'),
  },
  'RunHandle.unpause': {
    stage: AWAITING,
    first: ({ run }) => run.pause(),
    holds: async ({ run }) => assert.equal((await run.describe()).paused, undefined),
  },
  'RunHandle.retry': { before: failedOnce, holds: async ({ expectRun, run }) => expectRun(run).toAwait('approval') },
  'RunHandle.rerunFrom': {
    stage: AWAITING,
    wraps: (code) =>
      code.replace(
        'await again.result()',
        "await expectRun(again).toAwait('approval')\nawait again.resume({ action: 'approved' })\nawait again.result()",
      ),
    gives: 'again',
    holds: async ({ expectRun }, again) => expectRun(again).toHaveCompleted({ context: { amount: 40 } }),
  },
  'RunHandle.origin': {
    stage: AWAITING,
    first: ({ run }) => run.rerunFrom('charge', { runId: 'order-17-corrected' }),
    holds: says('again from charge of order-17'),
  },
  'RunHandle.resume': { stage: AWAITING, holds: completes },
  'RunHandle.sendEvent': {
    stage: { flow: paidAndShipping, at: 'paid' },
    more: () => ({ payment: { id: 'payment-7', amount: 42 } }),
    holds: ({ untilExecuting }) => untilExecuting('ship'),
  },
  'RunHandle.delete': { stage: AWAITING, first: cancelled, holds: gone },

  'Schedules.create': {
    stage: TABLES,
    holds: async ({ client }) => assert.equal((await client.schedules.describe('nightly')).cron, '30 2 * * *'),
  },
  'Schedules.describe': {
    stage: TABLES,
    first: nightly,
    gives: 'next',
    holds: (_, [next]) => assert.ok(next > new Date()),
  },
  'Schedules.list': {
    stage: TABLES,
    first: nightly,
    gives: 'schedules',
    holds: (_, found) => assert.equal(found.length, 1),
  },
  'Schedules.pause': {
    stage: TABLES,
    first: nightly,
    holds: async ({ client }) =>
      assert.equal((await client.schedules.describe('nightly')).note, 'the warehouse is moving'),
  },
  'Schedules.resume': {
    stage: TABLES,
    first: async (scope) => {
      await nightly(scope)
      await scope.client.schedules.pause('nightly')
    },
    holds: async ({ client }) => assert.equal((await client.schedules.describe('nightly')).state, 'active'),
  },
  'Schedules.trigger': {
    stage: TABLES,
    first: nightly,
    gives: 'run',
    holds: async ({ expectRun }, run) => expectRun(run).toHaveCompleted(),
  },
  'Schedules.backfill': {
    stage: TABLES,
    first: nightly,
    holds: async ({ client, clock }) => {
      await clock.advance('10 s')
      assert.equal((await client.list()).runs.length, 7)
    },
  },
  'Schedules.delete': {
    stage: TABLES,
    first: nightly,
    holds: async ({ client }) => assert.deepEqual((await client.schedules.list()).schedules, []),
  },
}
