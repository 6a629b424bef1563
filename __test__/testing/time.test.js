// What is due by time: the clock of an environment moves it, in its order, and nothing is waited for.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { environmentFor, held } from './support.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Fails until its last attempt. */
function flaky(attempts, config) {
  let tried = 0
  return createFlow('flaky').node(
    'call',
    () => {
      tried += 1
      if (tried < attempts) throw new Error(`attempt ${tried}`)
      return { output: tried }
    },
    { config },
  )
}

describe('a sleep', () => {
  const patient = createFlow('patient')
    .sleep('pause', { duration: 3 * DAY })
    .node('after', () => ({ output: 'rested' }))
    .edge('pause', 'after')

  it('ends when its time has come, and not before', async (t) => {
    const { client, clock, expectRun } = await environmentFor(t, { patient })
    const run = await client.start('patient')
    await expectRun(run).toAwait('pause')
    await clock.advance('2 days 23 hours 59 minutes')
    await expectRun(run).toAwait('pause')
    await expectRun(run).notToHaveRun('after')
    await clock.advance('1 minute')
    await expectRun(run).toHaveCompleted({ outputs: { after: 'rested' } })
  })

  it('of exactly the time that passes has ended', async (t) => {
    const { client, clock, expectRun } = await environmentFor(t, { patient })
    const run = await client.start('patient')
    await clock.advance('3 days')
    await expectRun(run).toHaveCompleted()
  })

  it('after another ends in its turn: each begins when the one before it has ended', async (t) => {
    const moments = []
    let env
    const note = (what) => () => {
      moments.push([what, Math.round((env.clock.now() - started) / HOUR)])
      return { output: what }
    }
    const nightly = createFlow('nightly')
      .sleep('night', { duration: 8 * HOUR })
      .node('report', note('report'))
      .sleep('day', { duration: 16 * HOUR })
      .node('again', note('again'))
      .edge('night', 'report')
      .edge('report', 'day')
      .edge('day', 'again')
    env = await environmentFor(t, { nightly })
    const started = env.clock.now().getTime()
    const run = await env.client.start('nightly')
    await env.clock.advance('1 day')
    await env.expectRun(run).toHaveCompleted({ order: ['night', 'report', 'day', 'again'] })
    assert.deepEqual(moments, [
      ['report', 8],
      ['again', 24],
    ])
  })

  it('of weeks, for a hundred runs, is over in a moment', async (t) => {
    const long = createFlow('long').sleep('pause', { duration: 40 * DAY })
    const { client, clock, expectRun } = await environmentFor(t, { long })
    const runs = await client.startMany(
      'long',
      Array.from({ length: 100 }, () => ({})),
    )
    const began = performance.now()
    await clock.advance('6 weeks')
    for (const run of runs) await expectRun(run).toHaveCompleted()
    assert.ok(performance.now() - began < 5_000)
  })
})

describe('a start for later', () => {
  it('begins at its time', async (t) => {
    const { client, clock, expectRun } = await environmentFor(t, { flaky: flaky(1) })
    const run = await client.start('flaky', { startAt: clock.now().getTime() + HOUR })
    await clock.advance('59 min')
    await expectRun(run).notToHaveRun('call')
    await clock.advance('1 min')
    await expectRun(run).toHaveCompleted({ attempts: { call: 1 } })
  })
})

describe('retries', () => {
  it('through the queue come when they are due', async (t) => {
    const flow = flaky(3, { maxRetries: 3, retryDelay: 10_000 })
    const { client, clock, expectRun } = await environmentFor(t, { flaky: flow }, { adapter: { retryMode: 'queue' } })
    const run = await client.start('flaky')
    await expectRun(run).toHaveTried('call', 1)
    await clock.advance('10 s')
    await expectRun(run).toHaveTried('call', 2)
    await expectRun(run).toAwait('call')
    await clock.advance('20 s')
    await expectRun(run).toHaveCompleted({ outputs: { call: 3 }, attempts: { call: 3 } })
  })

  it('within the job need no time', async (t) => {
    const { client, expectRun } = await environmentFor(t, { flaky: flaky(3, { maxRetries: 3 }) })
    const run = await client.start('flaky')
    await expectRun(run).toHaveCompleted({ outputs: { call: 3 }, attempts: { call: 3 } })
  })

  it('that are not enough fail the run', async (t) => {
    const flow = flaky(9, { maxRetries: 2, retryDelay: 1_000 })
    const { client, clock, expectRun } = await environmentFor(t, { flaky: flow }, { adapter: { retryMode: 'queue' } })
    const run = await client.start('flaky')
    await clock.advance('1 min')
    await expectRun(run).toHaveFailed({ reason: 'attempt 2', nodes: ['call'], attempts: { call: 2 } })
  })
})

describe('config.timeout', () => {
  const hanging = (signals = []) =>
    createFlow('hanging').node(
      'call',
      ({ signal }) => {
        signals.push(signal)
        return new Promise(() => {})
      },
      { config: { timeout: HOUR } },
    )

  it('ends a node by the clock, and aborts its signal', async (t) => {
    const signals = []
    const { client, clock, expectRun } = await environmentFor(t, { hanging: hanging(signals) })
    const run = await client.start('hanging')
    await clock.advance('59 min')
    assert.equal(signals[0].aborted, false)
    assert.equal((await run.describe()).status, 'running')
    await clock.advance('1 min')
    assert.equal(signals[0].aborted, true)
    await expectRun(run).toHaveFailed({ reason: /timed out after 3600000 ms/, nodes: ['call'] })
  })

  it('does not stand in the way of other runs', async (t) => {
    const short = createFlow('short').sleep('pause', { duration: 60_000 })
    const { client, clock, expectRun } = await environmentFor(t, { hanging: hanging(), short })
    await client.start('hanging')
    const run = await client.start('short')
    await clock.advance('1 min')
    await expectRun(run).toHaveCompleted()
  })
})

describe('the clock', () => {
  it('shows the time of this machine until it is moved, and then what was added', async (t) => {
    const { clock } = await environmentFor(t, {})
    assert.ok(Math.abs(clock.now() - Date.now()) < 1_000)
    await clock.advance('1 week, 1 day and 2 h')
    await clock.advance(500)
    const ahead = clock.now() - Date.now()
    assert.ok(Math.abs(ahead - (8 * DAY + 2 * HOUR + 500)) < 2_000, `${ahead}`)
  })

  for (const duration of ['', 'soon', '3', '3 moons', '-1 day', '1 day 3', -1, Number.NaN, undefined, {}]) {
    it(`refuses ${JSON.stringify(duration) ?? duration}`, async (t) => {
      const { clock } = await environmentFor(t, {})
      await assert.rejects(
        () => clock.advance(duration),
        (error) => error instanceof TypeError && error.code === 'INVALID_ARGUMENT',
      )
    })
  }

  it('does not go on without a node that has no time limit: it says which does not end', async (t) => {
    const { flow } = held()
    const { client, clock, untilExecuting } = await environmentFor(t, { held: flow }, { patience: 100 })
    const run = await client.start('held', { runId: 'run-1' })
    await untilExecuting('hold', run)
    await assert.rejects(
      () => clock.advance('1 day'),
      (error) => error.code === 'ERR_ASSERTION' && /node 'hold' of run 'run-1'/.test(error.message),
    )
    assert.ok(clock.now() - Date.now() < 60_000)
  })
})
