// Limits over long times, and what they do to runs that wait, on a clock that is moved.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { RetryAfter } from '../../dist/index.js'
import { until } from '../fixtures/until.js'
import { environmentFor } from '../testing/support.js'
import { limited, mostWithin } from './support.js'

const MINUTE = 60_000

describe('a rate', () => {
  it('of 600 a minute is kept, and used, over ten minutes on three workers', async (t) => {
    const starts = []
    let clock
    const flow = limited('calls', 'api', () => {
      starts.push(clock.now().getTime())
      return { output: 1 }
    })
    const limits = { api: { rate: { count: 600, perMs: MINUTE } } }
    const env = await environmentFor(t, { calls: flow }, { adapter: { limits, concurrency: 50 }, workers: 3 })
    clock = env.clock
    const begun = clock.now().getTime()
    for (let minute = 0; minute < 10; minute += 1) {
      // More come than may start: the line grows.
      const ids = Array.from({ length: 660 }, (_, index) => ({ runId: `${minute}-${index}` }))
      await env.client.startMany('calls', ids)
      await clock.advance(MINUTE)
    }
    // Those of a minute start as it begins, the last ones after nine; and the clock goes on by itself while the test works.
    const within = starts.filter((start) => start < begun + 9.5 * MINUTE).length
    t.diagnostic(`${within} starts in ten minutes`)
    assert.ok(within >= 6_000 * 0.98 && within <= 6_000 * 1.02, `${within} starts in ten minutes`)
    // A start counts when it is let in, and the clock goes on until the node's first line.
    const most = mostWithin(starts, MINUTE - 1_000)
    assert.ok(most <= 600, `${most} starts within a minute`)
  })

  it('lets runs start in the order in which they came', async (t) => {
    const order = []
    const flow = limited('ordered', 'api', async ({ context }) => {
      order.push(await context.get('n'))
      return {}
    })
    const limits = { api: { rate: { count: 1, perMs: 10_000 } } }
    const { client, clock, settle } = await environmentFor(t, { ordered: flow }, { adapter: { limits }, workers: 2 })
    for (let n = 0; n < 8; n += 1) {
      await client.start('ordered', { context: { n } })
      await settle()
    }
    assert.deepEqual(order, [0])
    await clock.advance(2 * MINUTE)
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('goes on after workers were killed', async (t) => {
    let executed = 0
    const flow = limited('calls', 'api', () => {
      executed += 1
      return {}
    })
    const limits = { api: { rate: { count: 5, perMs: MINUTE } } }
    const env = await environmentFor(t, { calls: flow }, { adapter: { limits }, workers: 2 })
    await env.client.startMany(
      'calls',
      Array.from({ length: 20 }, () => ({})),
    )
    await env.settle()
    assert.equal(executed, 5)
    for (let minute = 0; minute < 4; minute += 1) {
      await env.killWorker()
      await env.clock.advance(MINUTE)
    }
    assert.equal(executed, 20)
  })
})

describe('RetryAfter', () => {
  it('pauses its key for everybody, and no other', async (t) => {
    const calls = []
    let clock
    const call = async ({ context }) => {
      const [key, n] = [await context.get('key'), await context.get('n')]
      calls.push({ key, n, at: clock.now().getTime() })
      if (key === 'a' && calls.filter((each) => each.key === 'a').length === 1) throw new RetryAfter(10 * MINUTE)
      return {}
    }
    const flow = limited('calls', `tenant:\${key}`, call)
    const limits = { tenant: { concurrency: 5 } }
    const env = await environmentFor(t, { calls: flow }, { adapter: { limits }, workers: 2 })
    clock = env.clock
    const begun = clock.now().getTime()
    await env.client.start('calls', { context: { key: 'a', n: 0 } })
    await env.settle()
    for (const [key, n] of [
      ['a', 1],
      ['a', 2],
      ['b', 3],
    ])
      await env.client.start('calls', { context: { key, n } })
    await env.settle()
    assert.deepEqual(
      calls.map(({ key, n }) => [key, n]),
      [
        ['a', 0],
        ['b', 3],
      ],
    )
    await clock.advance(9 * MINUTE)
    assert.equal(calls.length, 2)
    await clock.advance(2 * MINUTE)
    assert.deepEqual(
      calls
        .slice(2)
        .map(({ n }) => n)
        .sort(),
      [0, 1, 2],
    )
    for (const { at } of calls.slice(2)) assert.ok(at - begun >= 10 * MINUTE)
  })
})

describe('a run that waits for its limit', () => {
  const limits = { api: { rate: { count: 1, perMs: 60 * MINUTE } } }

  it('can be cancelled: it leaves the line, and those behind it go on', async (t) => {
    const executed = []
    const flow = limited('calls', 'api', async ({ context }) => {
      executed.push(await context.get('n'))
      return {}
    })
    const env = await environmentFor(t, { calls: flow }, { adapter: { limits } })
    const runs = []
    for (let n = 0; n < 4; n += 1) {
      runs.push(await env.client.start('calls', { context: { n } }))
      await env.settle()
    }
    await env.expectRun(runs[0]).toHaveCompleted()
    for (const run of runs.slice(1, 3)) await run.cancel()
    await env.clock.advance(61 * MINUTE)
    assert.deepEqual(executed, [0, 3])
    await env.expectRun(runs[3]).toHaveCompleted()
    assert.equal((await env.client.run(runs[1].runId).describe()).status, 'cancelled')
  })

  it('is executed once for all attempts in its job, and its wait is no attempt', async (t) => {
    const attempts = []
    const flow = limited(
      'calls',
      'api',
      ({ dependencies }) => {
        attempts.push(dependencies.job.attempt)
        if (attempts.length % 2 === 1) throw new Error('not yet')
        return {}
      },
      { maxRetries: 2 },
    )
    const env = await environmentFor(t, { calls: flow }, { adapter: { limits } })
    const runs = [await env.client.start('calls'), await env.client.start('calls')]
    await env.settle()
    assert.deepEqual(attempts, [1, 2])
    await env.clock.advance(61 * MINUTE)
    assert.deepEqual(attempts, [1, 2, 1, 2])
    for (const run of runs) await env.expectRun(run).toHaveCompleted()
  })

  it('does not hold up other runs, whatever `concurrency` is', async (t) => {
    const free = createFlow('free').node('a', () => ({ output: 1 }))
    const flow = limited('calls', 'api', () => ({}))
    const env = await environmentFor(t, { calls: flow, free }, { adapter: { limits, concurrency: 1 } })
    await env.client.startMany(
      'calls',
      Array.from({ length: 50 }, () => ({})),
    )
    const run = await env.client.start('free')
    await env.expectRun(run).toHaveCompleted()
  })

  it('of which a chain comes to a node with a limit goes on when that is free', async (t) => {
    const flow = createFlow('chain')
      .node('before', () => ({ output: 1 }))
      .node('call', ({ input }) => ({ output: input + 1 }), { config: { limit: 'api' } })
      .node('after', ({ input }) => ({ output: input + 1 }))
      .edge('before', 'call')
      .edge('call', 'after')
    const env = await environmentFor(t, { chain: flow }, { adapter: { limits } })
    const first = await env.client.start('chain')
    // Of two runs that are under way, either may come to the node first.
    await env.settle()
    const second = await env.client.start('chain')
    await env.settle()
    await env.expectRun(first).toHaveCompleted()
    await env.clock.advance(61 * MINUTE)
    await env.expectRun(second).toHaveCompleted({ outputs: { after: 3 } })
  })
})

describe('Redis', () => {
  it('out of reach: nodes with a limit wait for it, others do not', async (t) => {
    let executed = 0
    const free = createFlow('free').node('a', () => ({ output: 1 }))
    const flow = limited('calls', 'api', () => {
      executed += 1
      return {}
    })
    const limits = { api: { concurrency: 1 } }
    const env = await environmentFor(t, { calls: flow, free }, { adapter: { limits, leaseSeconds: 1 } })
    // What leases leave open takes its time on the real clock, too.
    const completed = async ({ runId }) => {
      await env.clock.advance(5_000)
      return (await env.client.run(runId).describe()).status === 'completed'
    }
    await env.fail('redis')
    const run = await env.client.start('calls')
    const other = await env.client.start('free')
    await until(() => completed(other))
    assert.equal(executed, 0)
    await env.restore('redis')
    await until(() => completed(run))
    assert.equal(executed, 1)
  })
})
