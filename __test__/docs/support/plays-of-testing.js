// Plays of examples: those of the environment for tests, of a node's job, and of the dashboard.
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { environmentFor } from '../../testing/support.js'
import { AWAITING, answered, charging, completes, failedOnce, hooked, isStatus, says } from './stages.js'

const CHARGING = { flow: charging }

/** Runs a node of the example's within a job; what it answered. */
async function inJob(t, node, runtime) {
  const { client, expectRun } = await environmentFor(t, { only: createFlow('only').node('node', node) }, { runtime })
  const run = await client.start('only', { runId: 'only-1', context: { amount: 42 } })
  await expectRun(run).toHaveCompleted()
  const { context } = await run.result()
  return context['_outputs.node']
}

export const TESTING_PLAYS = {
  createTestEnvironment: {
    stage: { runs: [] },
  },
  'TestEnvironment.adapter': {
    stage: { flow: hooked, at: 'payment' },
    gives: 'url',
    holds: async ({ deliver }, url) => assert.equal((await deliver(url)).status, 202),
  },
  'TestEnvironment.startWorker': { gives: 'second', holds: ({ adapter }, second) => assert.notEqual(second, adapter) },
  'TestEnvironment.killWorker': {
    stage: CHARGING,
    holds: async ({ adapter, env, untilExecuting }) => {
      assert.notEqual(env.adapter, adapter)
      await untilExecuting('charge')
    },
  },
  'TestEnvironment.fail': { stage: AWAITING, holds: isStatus('awaiting') },
  'TestEnvironment.restore': { stage: AWAITING, holds: isStatus('awaiting') },
  'TestEnvironment.settle': { stage: AWAITING, holds: says('awaiting') },
  'TestEnvironment.untilExecuting': { stage: CHARGING, holds: isStatus('cancelled') },
  'TestEnvironment.deliver': {
    stage: { flow: hooked, at: 'payment' },
    gives: 'status',
    holds: (_, status) => assert.equal(status, 202),
  },
  'TestEnvironment.expectRun': {},
  'TestEnvironment.close': { gives: 'env', holds: (_, env) => assert.equal(typeof env.close, 'function') },
  'TestEnvironment.[Symbol.asyncDispose]': {},

  'TestClock.now': {},
  'TestClock.advance': {
    first: (scope) => (scope.began = scope.clock.now()),
    holds: ({ clock, began }) => assert.ok(clock.now() - began >= 3 * 86_400_000),
  },

  'RunExpectation.toHaveCompleted': {
    stage: AWAITING,
    first: ({ run }) => run.resume({ action: 'approved' }),
    holds: completes,
  },
  'RunExpectation.toHaveFailed': { before: failedOnce },
  'RunExpectation.toHaveBeenCancelled': { stage: AWAITING },
  'RunExpectation.toAwait': { stage: AWAITING },
  'RunExpectation.toHaveRun': {},
  'RunExpectation.notToHaveRun': {},
  'RunExpectation.toHaveTried': {
    stage: {
      flow: createFlow('order').node('charge', () => Promise.reject(new Error('declined')), {
        config: { maxRetries: 3 },
      }),
    },
  },

  NodeJob: {
    more: () => {
      const payments = { charge: async (amount, { idempotencyKey }) => ({ amount, idempotencyKey }) }
      return { payments }
    },
    gives: 'charge',
    holds: async ({ t }, charge) => {
      const { amount, idempotencyKey } = await inJob(t, charge)
      assert.deepEqual([amount, idempotencyKey.length], [42, 43])
    },
  },
  'NodeJob.heartbeat': {
    wraps: (code) => `async function node({ dependencies: { job } }) {\n${code}\nreturn { output: loaded }\n}`,
    more: () => {
      const loaded = []
      return { loaded, load: async ({ number }) => loaded.push(number), pages: [{ number: 1 }, { number: 2 }] }
    },
    gives: 'node',
    holds: async ({ t }, node) => assert.deepEqual(await inJob(t, node), [1, 2]),
  },
  'NodeJob.lastProgress': {
    wraps: (code) => `async function node({ dependencies: { job } }) {\n${code}\nreturn { output: page }\n}`,
    gives: 'node',
    holds: async ({ t }, node) => assert.equal(await inJob(t, node), 0),
  },

  dashboardHandler: {
    holds: async ({ served: [[handler, port]] }) => {
      assert.equal(port, 4600)
      assert.equal((await answered(handler, '/nowhere')).status, 404)
    },
  },
}
