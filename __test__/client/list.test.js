// Lists, counts and the removal of runs.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, clientFor, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Every page, read one after the other. */
async function pages(client, options) {
  const all = []
  for (let cursor; ; ) {
    const page = await client.list({ ...options, ...(cursor && { cursor }) })
    all.push(page.runs.map(({ runId }) => runId))
    if (!page.cursor) return all
    cursor = page.cursor
  }
}

describe('a list', () => {
  it('has each run once, also while others are started', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, single)
    const prefix = `${servers.runId()}-`
    const ids = Array.from({ length: 60 }, (_, number) => `${prefix}${String(number).padStart(2, '0')}`)
    await client.startMany(
      'single',
      ids.map((runId) => ({ runId })),
    )
    let started = 0
    let goesOn = true
    const starting = (async () => {
      while (goesOn)
        await client.start('single', { runId: `${prefix}${String(started % 60).padStart(2, '0')}+${started++}` })
    })()
    const found = (await pages(client, { idPrefix: prefix, limit: 7 })).flat()
    goesOn = false
    await starting
    assert.equal(new Set(found).size, found.length)
    assert.deepEqual(
      found.filter((id) => !id.includes('+')),
      ids,
    )
    assert.deepEqual([...found].sort(), found)
    const back = (await pages(client, { idPrefix: prefix, limit: 50, order: 'desc' })).flat()
    assert.deepEqual([back.length, back], [60 + started, [...back].sort().reverse()])
  })

  it('finds by status, blueprint and age', async (t) => {
    await servers.freshQueue()
    const idPrefix = `${servers.runId()}-`
    const client = clientFor(t, servers, [single, asking])
    const [one, two, three] = ['1', '2', '3'].map((end) => idPrefix + end)
    await client.start('single', { runId: one })
    const between = new Date(Date.now() + 5)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await client.start('asking', { runId: two })
    await client.start('asking', { runId: three })
    await client.run(three).cancel()
    const found = async (options) => (await client.list({ idPrefix, ...options })).runs.map(({ runId }) => runId)
    assert.deepEqual(await found({ status: 'running' }), [one, two])
    assert.deepEqual(await found({ status: ['cancelled', 'failed'] }), [three])
    assert.deepEqual(await found({ blueprintId: 'asking' }), [two, three])
    assert.deepEqual(await found({ blueprintId: 'asking', status: 'running' }), [two])
    assert.deepEqual(await found({ createdBefore: between }), [one])
    assert.deepEqual(await found({ updatedBefore: Date.now() - 3_600_000 }), [])
    const [run] = (await client.list({ idPrefix, status: 'cancelled' })).runs
    assert.deepEqual([run.blueprintId, run.status, run.updatedAt >= run.createdAt], ['asking', 'cancelled', true])
  })

  it('finds by the node that waits, by why a run ended, and by whether a person has paused it', async (t) => {
    const forked = createFlow('forked')
      .node('first', async () => ({ output: 1 }))
      .wait('approval')
      .sleep('later', { duration: 3_600_000 })
      .edge('first', 'approval')
      .edge('first', 'later')
    const failing = createFlow('failing').node('only', async ({ context }) => {
      throw new Error(`card ${await context.get('card')}: 100% declined`)
    })
    await servers.workerFor(t, [forked, failing, asking])
    const client = clientFor(t, servers, [forked, failing, asking])
    const idPrefix = `${servers.runId()}-`
    const start = (flow, end, context = {}) => client.start(flow, { runId: idPrefix + end, context })
    const found = async (options) =>
      (await client.list({ idPrefix, ...options })).runs.map(({ runId }) => runId.slice(idPrefix.length)).join(' ')
    for (const [flow, end] of [
      ['forked', '1'],
      ['asking', '2'],
      ['failing', '3'],
      ['failing', '4'],
    ])
      await start(flow, end, { card: end })
    await until(async () => (await found({ status: ['awaiting', 'failed'] })) === '1 2 3 4')
    assert.deepEqual([await found({ waitingAt: 'approval' }), await found({ waitingAt: 'later' })], ['1 2', '1'])
    assert.deepEqual(
      [await found({ waitingAt: 'first' }), await found({ waitingAt: 'approval', blueprintId: 'asking' })],
      ['', '2'],
    )
    await client.run(`${idPrefix}2`).cancel('the shop is closed')
    await client.run(`${idPrefix}1`).pause()
    assert.equal(await found({ waitingAt: 'approval' }), '1')
    assert.deepEqual([await found({ paused: true }), await found({ paused: false })], ['1', '2 3 4'])
    await client.run(`${idPrefix}1`).unpause()
    assert.equal(await found({ paused: true }), '')
    for (const [error, expected] of [
      ['declined', '3 4'],
      ['card 4: 100% d', '4'],
      ['shop', '2'],
      ['RUN_CANCELLED', '2'],
      ['RUN_FAILED', '3 4'],
      ['%', '3 4'],
      ['nowhere', ''],
      // What every object has is no code.
      ['constructor', ''],
      ['toString', ''],
    ])
      assert.equal(await found({ error }), expected, error)
    assert.equal(await found({ error: 'RUN_FAILED', status: 'cancelled' }), '')
    assert.equal(await found({ error: 'declined', status: ['failed'], order: 'desc', limit: 1 }), '4')
  })

  it('says which blueprint a run follows that a worker began', async (t) => {
    await servers.workerFor(t, asking)
    const client = clientFor(t, servers)
    const runId = await servers.begin(asking)
    await servers.settled(runId, ['awaiting'])
    const { runs } = await client.list({ idPrefix: runId })
    assert.deepEqual([runs[0].blueprintId, runs[0].status, runs[0].createdAt], ['asking', 'awaiting', undefined])
  })

  it('refuses what is no page', async (t) => {
    const client = clientFor(t, servers)
    for (const options of [{ limit: 0 }, { limit: 1.5 }, { limit: 1_001 }, { order: 'up' }, { cursor: 'nonsense' }])
      await assert.rejects(client.list(options), { code: 'INVALID_ARGUMENT' })
    for (const options of [{ waitingAt: '' }, { waitingAt: 7 }, { error: '' }, { error: null }, { paused: 'true' }])
      await assert.rejects(client.list(options), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(client.list({ createdBefore: 'yesterday' }), { code: 'INVALID_ARGUMENT' })
  })
})

describe('counts', () => {
  it('are by status and blueprint', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, [single, asking])
    const before = await client.counts()
    const of = (counts, status, blueprintId) =>
      counts.find((each) => each.status === status && each.blueprintId === blueprintId)?.count ?? 0
    await client.startMany('single', [{}, {}, {}])
    const run = await client.start('asking')
    await run.cancel()
    const now = await client.counts()
    const more = (status, blueprintId) => of(now, status, blueprintId) - of(before, status, blueprintId)
    assert.deepEqual([more('running', 'single'), more('cancelled', 'asking'), more('running', 'asking')], [3, 1, 0])
  })
})

describe('throughput', () => {
  it('counts the runs that ended, by steps of time, status and blueprint', async (t) => {
    await servers.workerFor(t, [single, asking])
    const client = clientFor(t, servers, [single, asking])
    const ended = async (options) => {
      const counted = {}
      for (const { status, blueprintId, count } of await client.throughput(options)) {
        const name = `${blueprintId} ${status}`
        counted[name] = (counted[name] ?? 0) + count
      }
      return counted
    }
    const before = await ended()
    const done = await client.startMany('single', [{}, {}, {}])
    await Promise.all(done.map((run) => run.result({ timeoutMs: 20_000 })))
    const [waiting, cancelled] = [await client.start('asking'), await client.start('asking')]
    await servers.settled(waiting.runId, ['awaiting'])
    await cancelled.cancel()
    let now = {}
    const more = (name) => (now[name] ?? 0) - (before[name] ?? 0)
    // On migrated tables counts are stored some seconds later.
    await until(async () => {
      now = await ended()
      return more('single completed') >= 3 && more('asking cancelled') >= 1
    })
    assert.deepEqual([more('single completed'), more('asking cancelled')], [3, 1])
    assert.ok(!('asking awaiting' in now), 'a run that waits has not ended')
    const { updatedAt } = await cancelled.describe()
    const steps = await client.throughput({ withinMs: 86_400_000, stepMs: 3_600_000 })
    const step = steps.find(({ status, blueprintId }) => status === 'cancelled' && blueprintId === 'asking')
    assert.equal(step.from.getTime() % 3_600_000, 0)
    assert.ok(steps.some(({ from }) => from <= updatedAt && updatedAt - from < 3_600_000))
    const moments = steps.map(({ from }) => from.getTime())
    const sorted = [...moments].sort((one, other) => one - other)
    assert.deepEqual(moments, sorted)
  })

  it('is refused for what is no time, or more steps than one looks at', async (t) => {
    const client = clientFor(t, servers)
    for (const options of [
      { withinMs: 0 },
      { stepMs: 0.5 },
      { withinMs: '1h' },
      { by: 'run' },
      { outcomes: ['done'] },
      { outcomes: 'failed' },
      { withinMs: 3_600_000, stepMs: 1 },
    ]) {
      await assert.rejects(client.throughput(options), { code: 'INVALID_ARGUMENT' })
    }
  })
})

describe('workers', () => {
  it('are those that are alive, by the names that stand beside what they executed', async (t) => {
    const adapter = await servers.workerFor(t, single)
    const client = clientFor(t, servers, single)
    const run = await client.start('single')
    await run.result({ timeoutMs: 20_000 })
    const { worker } = (await run.describe()).nodes[0]
    const own = async () => (await client.workers()).find(({ id }) => id === worker)
    await until(async () => (await own()) !== undefined)
    const { queues, blueprints, pid, slots } = await own()
    assert.deepEqual([queues, Object.keys(blueprints), pid], [[servers.queue], ['single'], process.pid])
    assert.ok(slots >= 1)
    await adapter.stop()
    await until(async () => (await own()) === undefined)
  })
})

describe('a purge', () => {
  it('removes runs that are over and old enough, whole', async (t) => {
    await servers.workerFor(t, [single, asking])
    const client = clientFor(t, servers, [single, asking])
    const done = await client.startMany(
      'single',
      Array.from({ length: 20 }, () => ({})),
    )
    await Promise.all(done.map((run) => run.result({ timeoutMs: 20_000 })))
    const waiting = await client.start('asking')
    await servers.settled(waiting.runId, ['awaiting'])
    const cancelled = await client.start('asking')
    await cancelled.cancel()
    assert.equal(await client.purge({ status: 'completed', olderThan: 3_600_000 }), 0)
    assert.ok((await client.purge({ status: 'completed', olderThan: 0 })) >= 20)
    const rows = async ({ runId }) => Object.values(await servers.rowsOf(runId))
    for (const run of done) assert.deepEqual(await rows(run), [0, 0])
    assert.deepEqual(
      [await rows(waiting), await rows(cancelled)],
      [
        [1, 1],
        [1, 1],
      ],
    )
    assert.ok((await client.purge({ olderThan: 0 })) >= 1)
    assert.deepEqual(
      [await rows(waiting), await rows(cancelled)],
      [
        [1, 1],
        [0, 0],
      ],
    )
    await assert.rejects(client.purge({ status: 'running', olderThan: 0 }), { code: 'INVALID_ARGUMENT' })
    await assert.rejects(client.purge({}), { code: 'INVALID_ARGUMENT' })
    // The ids are free again.
    const again = await client.start('single', { runId: done[0].runId })
    await until(async () => (await again.describe()).status === 'completed')
  })
})
