// Schedules as an application handles them: what is refused and why, what is told, and what needs no blueprint.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { FlowcraftAdapterError, SetupError } from '@flowcraft/rabbitmq-adapter'
import { clientFor } from '../client/support/clients.js'
import { openSharedServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { ticking } from './programs/flows.js'

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.migrate()
})
after(() => servers.close())

const HOURLY = { everyMs: 3_600_000, blueprintId: 'ticking' }

describe('without the table', () => {
  it('every call says that migrate makes it', async (t) => {
    const own = await sharedServersFor(t)
    await own.migrate('down')
    const { schedules } = clientFor(t, own, ticking)
    const range = { from: 0, to: 1 }
    for (const call of [
      () => schedules.create({ id: 's', ...HOURLY }),
      () => schedules.list(),
      () => schedules.describe('s'),
      () => schedules.pause('s'),
      () => schedules.resume('s'),
      () => schedules.trigger('s'),
      () => schedules.backfill('s', range),
      () => schedules.delete('s'),
    ]) {
      const error = await call().then(assert.fail, (error) => error)
      assert.ok(error instanceof SetupError && error.code === 'TABLE_MISSING', error.stack)
      assert.match(error.message, /migrate/)
    }
  })
})

describe('a schedule', () => {
  it('that is there is refused, or updated and goes on as it was', async (t) => {
    const { schedules } = clientFor(t, servers, ticking)
    const id = servers.runId()
    const created = await schedules.create({
      id,
      ...HOURLY,
      context: { who: 'a', big: 12345678901234567890n.toString() },
    })
    await assert.rejects(schedules.create({ id, ...HOURLY }), { code: 'SCHEDULE_EXISTS' })
    await assert.rejects(schedules.create({ id: `${id}-t`, ...HOURLY, tags: [''] }), { code: 'INVALID_ARGUMENT' })
    const again = await schedules.create({ id, ...HOURLY, context: created.context, onConflict: 'update' })
    assert.deepEqual(again, created)
    await schedules.pause(id, 'why')
    const changed = await schedules.create({
      id,
      cron: '0 0 1 1 *',
      blueprintId: 'ticking',
      overlap: 'queue',
      maxQueued: 3,
      catchUpWindow: 60_000,
      onConflict: 'update',
    })
    const { state, note, cron, everyMs, overlap, maxQueued, catchUpWindow, context, createdAt } = changed
    assert.deepEqual([state, note, cron, everyMs], ['paused', 'why', '0 0 1 1 *', undefined])
    assert.deepEqual([overlap, maxQueued, catchUpWindow, context], ['queue', 3, 60_000, {}])
    assert.deepEqual(createdAt, created.createdAt)
    assert.deepEqual(await schedules.describe(id), changed)
  })

  it('that cannot be is refused, and says what is wrong', async (t) => {
    const { schedules } = clientFor(t, servers, ticking)
    const id = servers.runId()
    for (const wrong of [
      { cron: 'often' },
      { cron: '0 0 30 2 *' },
      { cron: '* * * * *', timeZone: 'Mars/Olympus' },
      { everyMs: 10 },
      { everyMs: 5_000, cron: '* * * * *' },
      { everyMs: 5_000, timeZone: 'UTC' },
      { everyMs: 5_000, catchUpWindow: 1 },
      { everyMs: 5_000, maxQueued: 0 },
      { everyMs: 5_000, startAt: 2, endAt: 1 },
      {},
    ]) {
      const error = await schedules.create({ id, blueprintId: 'ticking', ...wrong }).then(assert.fail, (error) => error)
      assert.ok(
        error instanceof FlowcraftAdapterError && error.code === 'SCHEDULE_INVALID',
        `${JSON.stringify(wrong)} ${error.stack}`,
      )
    }
    for (const wrong of [
      { id: '' },
      { id: 'a\nb' },
      { id: 'x'.repeat(201) },
      { overlap: 'never' },
      { onConflict: 'use-existing' },
      { everyMs: 1.5 },
      { startAt: 'soon' },
      { context: [] },
      { blueprintId: undefined },
      { cron: 7 },
    ]) {
      const create = schedules.create({ id, ...HOURLY, ...wrong })
      await assert.rejects(create, (error) => error instanceof TypeError && error.code === 'INVALID_ARGUMENT')
    }
    await assert.rejects(schedules.describe(id), { code: 'SCHEDULE_NOT_FOUND' })
  })

  it('is paused, resumed, listed and removed by a client that knows no blueprint', async (t) => {
    const own = await sharedServersFor(t)
    await own.migrate()
    const { schedules } = clientFor(t, own)
    for (const id of ['c', 'a', 'b']) await schedules.create({ id, ...HOURLY })
    await schedules.create({ id: 'd', ...HOURLY, blueprintId: 'other' })
    const first = await schedules.list({ limit: 2, blueprintId: 'ticking' })
    assert.deepEqual(
      first.schedules.map(({ scheduleId, next }) => [scheduleId, next.length]),
      [
        ['a', 1],
        ['b', 1],
      ],
    )
    const second = await schedules.list({ limit: 2, blueprintId: 'ticking', cursor: first.cursor })
    assert.deepEqual([second.schedules.map(({ scheduleId }) => scheduleId), second.cursor], [['c'], undefined])
    assert.equal((await schedules.list()).schedules.length, 4)
    await assert.rejects(schedules.list({ limit: 0 }), { code: 'INVALID_ARGUMENT' })
    await schedules.pause('a', 'later')
    assert.equal((await schedules.describe('a')).note, 'later')
    await schedules.resume('a')
    assert.equal((await schedules.describe('a')).state, 'active')
    await schedules.delete('a')
    for (const call of [
      () => schedules.describe('a'),
      () => schedules.pause('a'),
      () => schedules.resume('a'),
      () => schedules.trigger('a'),
      () => schedules.backfill('a', { from: 0, to: 1 }),
      () => schedules.delete('a'),
    ]) {
      await assert.rejects(call(), { code: 'SCHEDULE_NOT_FOUND' })
    }
  })
})

describe('a run that somebody asks for', () => {
  it('is there at once where the blueprint is known, and a worker takes it to its end', async (t) => {
    const id = servers.runId()
    await servers.workerFor(t, ticking)
    const client = clientFor(t, servers, ticking)
    const { schedules } = client
    const tags = [`of:${id}`, 'region:eu']
    const created = await schedules.create({ id, ...HOURLY, context: { who: 'Ada' }, tags })
    assert.deepEqual(created.tags, tags)
    const run = await schedules.trigger(id)
    const { context } = await run.result({ timeoutMs: 20_000 })
    assert.equal(context['_outputs.tick'], 'tick Ada')
    const { recent, counts } = await schedules.describe(id)
    assert.deepEqual([recent[0].runId, recent[0].cause, recent[0].status], [run.runId, 'trigger', 'completed'])
    assert.deepEqual([counts.triggered, counts.started], [1, 0])
    const { runs } = await client.list({ tags: [`of:${id}`] })
    assert.deepEqual(
      runs.map(({ runId, tags }) => [runId, tags]),
      [[run.runId, tags]],
    )
  })

  it('is started by a worker where the blueprint is not known', async (t) => {
    const id = servers.runId()
    await servers.workerFor(t, ticking)
    const { schedules } = clientFor(t, servers)
    await schedules.create({ id, ...HOURLY, context: { who: 'Bob' } })
    const { runId } = await schedules.trigger(id)
    await until(async () => (await servers.rowsOf(runId)).contexts === 1)
    assert.equal((await servers.settled(runId)).context['_outputs.tick'], 'tick Bob')
  })
})

describe('a backfill', () => {
  it('starts what has no run, once, and refuses what is too much', async (t) => {
    const id = servers.runId()
    await servers.workerFor(t, ticking)
    const client = clientFor(t, servers, ticking)
    await client.schedules.create({ id, cron: '0 * * * *', blueprintId: 'ticking', context: { who: 'past' } })
    const range = { from: new Date('2020-01-01T00:00:00Z'), to: new Date('2020-01-03T00:00:00Z') }
    assert.deepEqual(await Promise.all([1, 2].map(() => client.schedules.backfill(id, range))), [49, 49])
    const all = async () => (await client.list({ idPrefix: `${id}@2020`, limit: 100 })).runs
    // A worker that met an error leaves the schedule alone for ten seconds.
    const patience = { timeout: 90_000 }
    await until(async () => (await all()).length === 49, patience)
    await until(async () => (await all()).every(({ status }) => status === 'completed'), patience)
    assert.equal((await all())[0].runId, `${id}@2020-01-01T00:00:00.000Z`)
    const century = { from: new Date('1920-01-01'), to: new Date('2020-01-01') }
    await assert.rejects(client.schedules.backfill(id, century), { code: 'BACKFILL_TOO_LARGE' })
    const tomorrow = new Date(Date.now() + 86_400_000)
    for (const wrong of [
      { from: range.from, to: tomorrow },
      { from: range.to, to: range.from },
    ]) {
      await assert.rejects(client.schedules.backfill(id, wrong), { code: 'INVALID_ARGUMENT' })
    }
    assert.equal(await client.schedules.backfill(id, { from: 1_000, to: 2_000 }), 0)
  })
})
