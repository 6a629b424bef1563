// Schedules on the clock of an environment: each due time in its turn, also where the clocks of a time zone change.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { environmentFor } from '../testing/support.js'
import { ticking } from './programs/flows.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** An environment whose clock shows a moment of a year that is far enough. */
async function environmentAt(t, moment, flows = { ticking }, options) {
  const env = await environmentFor(t, flows, options)
  // Milliseconds are whole here, and the record's clock may be a part of one behind: not a minute too early.
  await env.clock.advance(Date.parse(moment) - env.clock.now().getTime() + 5)
  return env
}

/** The due times of the runs that a schedule has started. */
async function started(client, id) {
  const runs = []
  let cursor
  do {
    const page = await client.list({ idPrefix: `${id}@`, limit: 1_000, ...(cursor && { cursor }) })
    runs.push(...page.runs)
    cursor = page.cursor
  } while (cursor)
  return runs.map(({ runId, status }) => [runId.slice(id.length + 1), status])
}

const times = (runs) => runs.map(([time]) => time)

describe('a year', () => {
  it('of nights in Berlin has a run for each, also when the clocks change', async (t) => {
    const { client, clock } = await environmentAt(t, '2099-01-01T00:00:00Z')
    await client.schedules.create({
      id: 'nightly',
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
      blueprintId: 'ticking',
      context: { who: 'night' },
    })
    await clock.advance(365 * DAY)
    const runs = await started(client, 'nightly')
    assert.equal(runs.length, 365)
    assert.ok(runs.every(([, status]) => status === 'completed'))
    // On 29 March 02:30 is skipped; on 25 October it comes twice.
    const seen = new Set(times(runs))
    for (const time of [
      '2099-03-28T01:30',
      '2099-03-29T01:00',
      '2099-03-30T00:30',
      '2099-10-25T00:30',
      '2099-10-26T01:30',
    ])
      assert.ok(seen.has(`${time}:00.000Z`), time)
    const { counts } = await client.schedules.describe('nightly')
    assert.deepEqual(counts, { started: 365, skipped: 0, missed: 0, triggered: 0, backfilled: 0 })
  })
})

describe('a schedule', () => {
  it('tells its next due times, and gives its runs their context', async (t) => {
    const { client, clock, expectRun } = await environmentAt(t, '2099-02-26T12:00:00Z')
    const created = await client.schedules.create({
      id: 'monthly',
      cron: '0 12 L * *',
      timeZone: 'America/New_York',
      blueprintId: 'ticking',
      context: { who: 'month' },
    })
    const next = ['2099-02-28T17', '2099-03-31T16', '2099-04-30T16', '2099-05-31T16', '2099-06-30T16']
    assert.deepEqual(
      created.next.map((time) => time.toISOString()),
      next.map((time) => `${time}:00:00.000Z`),
    )
    assert.deepEqual(
      [created.state, created.overlap, created.maxQueued, created.catchUpWindow, created.timeZone, created.context],
      ['active', 'skip', 1, HOUR, 'America/New_York', { who: 'month' }],
    )
    await clock.advance('3 days')
    await expectRun('monthly@2099-02-28T17:00:00.000Z').toHaveCompleted({ outputs: { tick: 'tick month' } })
    const { recent } = await client.schedules.describe('monthly')
    const [{ runId, cause, dueAt, status }] = recent
    assert.deepEqual([runId, cause, status], [`monthly@${dueAt.toISOString()}`, 'due', 'completed'])
  })

  it('is due within its bounds alone, and has ended then', async (t) => {
    const { client, clock } = await environmentAt(t, '2099-01-01T00:00:00Z')
    const startAt = new Date('2099-01-01T10:00:00Z')
    const bounds = { startAt, endAt: new Date('2099-01-01T10:30:00Z') }
    await client.schedules.create({ id: 'bounded', everyMs: 900_000, blueprintId: 'ticking', ...bounds })
    await clock.advance(DAY)
    assert.deepEqual(
      times(await started(client, 'bounded')),
      ['10:00', '10:15', '10:30'].map((time) => `2099-01-01T${time}:00.000Z`),
    )
    const { state, next, startAt: told } = await client.schedules.describe('bounded')
    assert.deepEqual([state, next, told], ['ended', [], startAt])
  })

  for (const [overlap, ids, counts] of [
    ['skip', ['10:15', '11:15'], { started: 2, skipped: 3 }],
    ['queue', ['10:15', '10:30', '11:15'], { started: 3, skipped: 2 }],
    ['allow', ['10:15', '10:30', '10:45', '11:00', '11:15'], { started: 5, skipped: 0 }],
  ]) {
    it(`with overlap '${overlap}' does so while a run goes on`, async (t) => {
      const patient = createFlow('patient').sleep('pause', { duration: 50 * 60_000 })
      const { client, clock } = await environmentAt(t, '2099-01-01T10:00:00Z', { patient })
      await client.schedules.create({
        id: 's',
        everyMs: 900_000,
        startAt: new Date('2099-01-01T10:15:00Z'),
        blueprintId: 'patient',
        overlap,
      })
      await clock.advance(HOUR)
      // The first ends at 11:05.
      await clock.advance(20 * 60_000)
      const runs = times(await started(client, 's'))
      const { counts: told, queued } = await client.schedules.describe('s')
      if (overlap === 'queue') {
        // What waited has started by then; the next one waits for it.
        assert.deepEqual(
          runs,
          ['10:15', '10:30'].map((time) => `2099-01-01T${time}:00.000Z`),
        )
        assert.deepEqual([told.started, told.skipped, queued.length], [2, 2, 1])
        return
      }
      assert.deepEqual(
        runs,
        ids.map((time) => `2099-01-01T${time}:00.000Z`),
      )
      assert.deepEqual({ started: told.started, skipped: told.skipped }, counts)
    })
  }

  it('that was left alone catches up within its window, and counts what it missed', async (t) => {
    const { client, clock, startWorker } = await environmentAt(t, '2099-01-01T10:00:00Z', { ticking }, { workers: 0 })
    const startAt = new Date('2099-01-01T10:10:00Z')
    const options = { everyMs: 600_000, startAt, blueprintId: 'ticking', overlap: 'allow' }
    await client.schedules.create({ id: 's', ...options, catchUpWindow: 30 * 60_000 })
    await clock.advance(2 * HOUR)
    startWorker()
    await clock.advance(1_000)
    const runs = times(await started(client, 's'))
    assert.deepEqual(
      runs.map((time) => time.slice(11, 16)),
      ['11:40', '11:50', '12:00'],
    )
    const { counts } = await client.schedules.describe('s')
    assert.deepEqual([counts.started, counts.missed], [3, 9])
    const range = { from: new Date('2099-01-01T10:00:00Z'), to: new Date('2099-01-01T12:00:00Z') }
    assert.equal(await client.schedules.backfill('s', range), 13)
    await clock.advance(1_000)
    assert.equal((await started(client, 's')).length, 13)
    assert.equal((await client.schedules.describe('s')).counts.backfilled, 13)
  })

  it('that pauses starts nothing but what somebody asks for', async (t) => {
    const { client, clock, expectRun } = await environmentAt(t, '2099-01-01T10:00:00Z')
    await client.schedules.create({ id: 's', everyMs: 600_000, blueprintId: 'ticking', paused: true, note: 'not yet' })
    await clock.advance(HOUR)
    assert.deepEqual(await started(client, 's'), [])
    const { state, note, pausedAt, next } = await client.schedules.describe('s')
    assert.deepEqual([state, note, pausedAt instanceof Date, next.length], ['paused', 'not yet', true, 5])
    const run = await client.schedules.trigger('s')
    await expectRun(run).toHaveCompleted()
    await client.schedules.resume('s')
    await clock.advance(600_000)
    assert.equal((await client.schedules.describe('s')).counts.started, 1)
    await client.schedules.pause('s', 'again')
    await clock.advance(HOUR)
    const { counts, note: why } = await client.schedules.describe('s')
    assert.deepEqual([counts.started, counts.triggered, counts.missed, why], [1, 1, 0, 'again'])
  })

  it('is left by a worker without its blueprint to one that has it', async (t) => {
    const { client, clock, startWorker } = await environmentAt(t, '2099-01-01T10:00:00Z', { ticking }, { workers: 0 })
    await client.schedules.create({ id: 's', everyMs: 600_000, blueprintId: 'unknown' })
    startWorker()
    await clock.advance(600_000)
    assert.deepEqual(await started(client, 's'), [])
    assert.equal((await client.schedules.describe('s')).next[0].toISOString().slice(11, 16), '10:10')
  })

  it('starts nothing while PostgreSQL is away, and catches up then; Redis may be away all the time', async (t) => {
    const { client, clock, fail, restore } = await environmentAt(t, '2099-01-01T10:00:00Z')
    const startAt = new Date('2099-01-01T10:10:00Z')
    await client.schedules.create({ id: 's', everyMs: 600_000, startAt, blueprintId: 'ticking', overlap: 'allow' })
    await fail('redis')
    await clock.advance(600_000)
    assert.equal((await started(client, 's')).length, 1)
    await fail('postgres')
    await clock.advance(1_200_000)
    await restore()
    await clock.advance(1_000)
    assert.equal((await started(client, 's')).length, 3)
  })
})
