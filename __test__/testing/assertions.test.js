// What is expected of runs: each assertion holds where it should, and says what is wrong where it does not.
import assert, { AssertionError } from 'node:assert'
import { after, before, describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'

const flows = {
  order: createFlow('order')
    .node('charge', async ({ context }) => ({ output: { charged: await context.get('amount') } }))
    .node('ship', async ({ context }) => {
      await context.set('shipped', true)
      return { output: 'shipped' }
    })
    .edge('charge', 'ship'),
  declined: createFlow('declined')
    .node('charge', () => Promise.reject(new Error('card declined')), { config: { maxRetries: 2 } })
    .node('log', () => ({ output: 'logged' })),
  approval: createFlow('approval').wait('decision'),
}

let env
const runs = {}
before(async () => {
  env = await createTestEnvironment({ flows })
  runs.completed = await env.client.start('order', { runId: 'completed', context: { amount: 42 } })
  runs.failed = await env.client.start('declined', { runId: 'failed' })
  runs.awaiting = await env.client.start('approval', { runId: 'awaiting' })
  runs.cancelled = await env.client.start('approval', { runId: 'cancelled' })
  await runs.cancelled.cancel()
})
after(() => env.close())

describe('an assertion that holds', () => {
  for (const [what, check] of [
    ['toHaveCompleted', (expectRun) => expectRun('completed').toHaveCompleted()],
    ['toHaveCompleted, of a handle', (expectRun) => expectRun(runs.completed).toHaveCompleted()],
    [
      'toHaveCompleted, with everything',
      (expectRun) =>
        expectRun('completed').toHaveCompleted({
          outputs: { charge: { charged: 42 }, ship: 'shipped' },
          context: { amount: 42, shipped: true },
          order: ['charge', 'ship'],
          attempts: { charge: 1, ship: 1 },
        }),
    ],
    ['toHaveFailed', (expectRun) => expectRun('failed').toHaveFailed()],
    [
      'toHaveFailed, with everything',
      (expectRun) =>
        expectRun('failed').toHaveFailed({ reason: 'card declined', nodes: ['charge'], attempts: { charge: 2 } }),
    ],
    ['toHaveFailed, by a pattern', (expectRun) => expectRun('failed').toHaveFailed({ reason: /DECLINED/i })],
    ['toHaveBeenCancelled', (expectRun) => expectRun('cancelled').toHaveBeenCancelled()],
    ['toAwait', (expectRun) => expectRun('awaiting').toAwait('decision')],
    ['toHaveRun', (expectRun) => expectRun('completed').toHaveRun('charge', 'ship')],
    ['notToHaveRun', (expectRun) => expectRun('completed').notToHaveRun('log')],
    ['toHaveTried', (expectRun) => expectRun('failed').toHaveTried('charge', 2)],
  ]) {
    it(what, () => check(env.expectRun))
  }
})

describe('an assertion that does not hold says why', () => {
  for (const [what, check, message] of [
    [
      'failed',
      (run) => run('failed').toHaveCompleted(),
      /^Run 'failed' is failed \(.*card declined.*\), not completed$/,
    ],
    ['awaiting', (run) => run('awaiting').toHaveCompleted(), /is awaiting \(it waits at 'decision'\), not completed/],
    ['missing', (run) => run('missing').toHaveCompleted(), /^There is no run 'missing'$/],
    [
      'another output',
      (run) => run('completed').toHaveCompleted({ outputs: { ship: 'lost' } }),
      /has 'shipped' as the output of 'ship', not 'lost'/,
    ],
    [
      'another key',
      (run) => run('completed').toHaveCompleted({ context: { amount: 43 } }),
      /has 42 as the context key 'amount', not 43/,
    ],
    [
      'another order',
      (run) => run('completed').toHaveCompleted({ order: ['ship', 'charge'] }),
      /ran 'charge', 'ship': that is not the order 'ship', 'charge'/,
    ],
    [
      'other attempts',
      (run) => run('completed').toHaveCompleted({ attempts: { ship: 2 } }),
      /tried 'ship' once, not 2 times/,
    ],
    ['completed', (run) => run('completed').toHaveFailed(), /is completed, not failed/],
    [
      'another reason',
      (run) => run('failed').toHaveFailed({ reason: 'no money' }),
      /failed for another reason: .*card declined/,
    ],
    ['another node', (run) => run('failed').toHaveFailed({ nodes: ['log'] }), /failed, but not in 'log': 'charge'/],
    [
      'other attempts of a failure',
      (run) => run('failed').toHaveFailed({ attempts: { charge: 1 } }),
      /2 times, not once/,
    ],
    ['not cancelled', (run) => run('completed').toHaveBeenCancelled(), /is completed, not cancelled/],
    ['does not wait', (run) => run('completed').toAwait('decision'), /does not wait at 'decision': it is completed/],
    ['did not run', (run) => run('completed').toHaveRun('charge', 'log'), /ran 'charge', 'ship'/],
    ['did run', (run) => run('completed').notToHaveRun('ship', 'log'), /ran 'ship'/],
    ['was not tried', (run) => run('completed').toHaveTried('log', 1), /tried 'log' 0 times, not once/],
  ]) {
    it(what, async () => {
      await assert.rejects(
        () => check(env.expectRun),
        (error) => {
          assert.ok(error instanceof AssertionError)
          assert.match(error.message, message)
          return true
        },
      )
    })
  }

  it('with what a runner shows as a difference', async () => {
    await assert.rejects(() => env.expectRun('completed').toHaveCompleted({ outputs: { ship: 'lost' } }), {
      name: 'AssertionError',
      code: 'ERR_ASSERTION',
      actual: 'shipped',
      expected: 'lost',
      operator: 'toHaveCompleted',
    })
  })
})
