// The history of a run: what went into each attempt at its nodes, what came out, and what they logged.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { codecOf, SECRET, secret } from '../encryption/support.js'
import { taggedSerializer } from '../fixtures/serializers.js'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, clientFor, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.migrate()
})
after(() => servers.close())

const ENDS = { timeoutMs: 30_000 }
const HISTORY = { history: true }

/** A worker with a history, and a client of it. */
async function scene(t, flows, options) {
  await servers.workerFor(t, flows, { ...HISTORY, ...options })
  return clientFor(t, servers, flows, options?.codec && { codec: options.codec })
}

/** The attempts at a run's nodes, once so many are there; the first one first. */
async function attempts(run, count, options) {
  let found = []
  await until(async () => {
    found = (await run.history(options)).attempts
    return found.length >= count
  })
  assert.equal(found.length, count)
  return found.reverse()
}

const said = ({ nodeId, execution, attempt, outcome, input, output }) => [
  `${nodeId} ${execution}.${attempt} ${outcome}`,
  input,
  output,
]

describe('the history of a run', () => {
  it('has what went into each node and what came out, when, and on which worker', async (t) => {
    const flow = createFlow('adds')
      .node('one', () => ({ output: 1 }))
      .node('two', ({ input }) => ({ output: { sum: input + 1 } }))
      .node('three', () => ({}))
    flow.edge('one', 'two').edge('two', 'three')
    const client = await scene(t, flow)
    const run = await client.start('adds')
    await run.result(ENDS)
    const all = await attempts(run, 3)
    assert.deepEqual(all.map(said), [
      ['one 1.1 done', undefined, 1],
      ['two 1.1 done', 1, { sum: 2 }],
      ['three 1.1 done', { sum: 2 }, undefined],
    ])
    const workers = new Set((await client.workers()).map(({ id }) => id))
    const { endedAt } = await run.describe()
    for (const { worker: by, startedAt, endedAt: ended } of all) {
      assert.ok(workers.has(by), by)
      assert.ok(startedAt <= ended && Math.abs(ended - endedAt) < 2_000, `${startedAt} ${ended} ${endedAt}`)
    }
    assert.deepEqual([all[1].inputBytes, all[1].outputBytes], [1, 9])
  })

  it('tells the executions of a loop apart, and is read by pages and by nodes', async (t) => {
    const flow = createFlow('laps')
      .node('step', async ({ context }) => {
        const lap = ((await context.get('lap')) ?? 0) + 1
        await context.set('lap', lap)
        return { output: lap }
      })
      .node('end', () => ({ output: 'over' }))
      .loop('laps', { startNodeId: 'step', endNodeId: 'step', condition: 'lap < 5' })
      .edge('laps', 'end')
    const client = await scene(t, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const run = await client.start('laps')
    await run.result(ENDS)
    const laps = await attempts(run, 5, { nodeId: 'step' })
    assert.deepEqual(
      laps.map(({ execution, output }) => [execution, output]),
      [1, 2, 3, 4, 5].map((lap) => [lap, lap]),
    )
    // The loop is a node too.
    await attempts(run, 11)
    const pages = []
    let cursor
    do {
      const page = await run.history({ nodeId: 'step', limit: 4, ...(cursor && { cursor }) })
      pages.push(page.attempts.map(({ execution }) => execution).join())
      cursor = page.cursor
    } while (cursor)
    assert.deepEqual(pages, ['5,4,3,2', '1'])
    for (const options of [{ limit: 0 }, { cursor: 'x' }, { node: 'step' }]) {
      await assert.rejects(run.history(options), { code: 'INVALID_ARGUMENT' })
    }
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`has every attempt and its error, where retries are ${retryMode}`, async (t) => {
      let tries = 0
      const flow = createFlow('retrying').node(
        'charge',
        async ({ dependencies }) => {
          tries += 1
          dependencies.job.logger.info(`try ${tries}`)
          if (tries < 3) throw new Error(`no ${tries}`)
          return { output: 'charged' }
        },
        { config: { maxRetries: 3, retryDelay: 1 } },
      )
      const client = await scene(t, flow, { retryMode })
      const run = await client.start('retrying', { context: { amount: 1 } })
      await run.result(ENDS)
      const all = await attempts(run, 3)
      assert.deepEqual(all.map(said), [
        ['charge 1.1 retried', undefined, undefined],
        ['charge 1.2 retried', undefined, undefined],
        ['charge 1.3 done', undefined, 'charged'],
      ])
      assert.deepEqual(
        all.map(({ log }) => log.map(({ message }) => message)),
        [['try 1'], ['try 2'], ['try 3']],
      )
      assert.match(all[1].error.message, /'charge' .*failed: no 2$/)
      assert.match(all[1].error.stack, /history\.test\.js/)
      assert.equal(all[2].error, undefined)
    })
  }

  it('has a failure, and an error whose place the fallback of a class took', async (t) => {
    const flow = createFlow('fails')
      .node('fine', () => ({ output: 1 }))
      .node('bad', () => Promise.reject(new TypeError('not like this')))
      .edge('fine', 'bad')
    const client = await scene(t, flow)
    const run = await client.start('fails')
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    const [, bad] = await attempts(run, 2)
    assert.deepEqual(said(bad), ['bad 1.1 failed', 1, undefined])
    assert.match(bad.error.message, /not like this/)
    await run.retry()
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    const again = (await attempts(run, 3)).at(-1)
    assert.equal(again.execution, 2)
  })

  it('has the lines that a node logs, the last ones, with their fields', async (t) => {
    const flow = createFlow('talks').node('talk', ({ dependencies: { job } }) => {
      for (let line = 1; line <= 7; line += 1) job.logger.info(`line ${line}`, { line })
      job.logger.warn('odd', { error: new Error('why'), big: 12n, loop: undefined })
      const loop = {}
      loop.loop = loop
      job.logger.error('x'.repeat(5_000), loop)
      return { output: 1 }
    })
    const client = await scene(t, flow, { history: { logLines: 4 } })
    const run = await client.start('talks')
    await run.result(ENDS)
    const [{ log, droppedLines, startedAt, endedAt }] = await attempts(run, 1)
    assert.deepEqual(
      log.slice(0, 3).map(({ level, message, fields }) => [level, message, fields]),
      [
        ['info', 'line 6', { line: 6 }],
        ['info', 'line 7', { line: 7 }],
        ['warn', 'odd', { error: 'why', big: '12' }],
      ],
    )
    assert.deepEqual([log[3].level, log[3].message.length, log[3].fields], ['error', 2_002, undefined])
    assert.equal(droppedLines, 5)
    assert.ok(log.every(({ at }) => at >= startedAt && at <= new Date(endedAt.getTime() + 2)))
  })

  it('keeps of a value that is too large its size', async (t) => {
    const flow = createFlow('large')
      .node('make', () => ({ output: 'ü'.repeat(600) }))
      .node('take', ({ input }) => ({ output: input.length }))
    flow.edge('make', 'take')
    const client = await scene(t, flow, { history: { maxValueBytes: 1_000 } })
    const run = await client.start('large')
    await run.result(ENDS)
    const [make, take] = await attempts(run, 2)
    assert.deepEqual([make.output, make.outputBytes, 'output' in make], [undefined, 1_202, false])
    assert.deepEqual([take.input, take.inputBytes, take.output], [undefined, 1_202, 600])
  })

  it('has values that JSON does not hold as the serializer has them', async (t) => {
    const flow = createFlow('typed')
      .node('make', () => ({ output: new Map([['at', new Set([1n])]]) }))
      .node('take', ({ input }) => ({ output: input.get('at') }))
    flow.edge('make', 'take')
    const serializer = taggedSerializer()
    await servers.workerFor(t, flow, { ...HISTORY, runtime: { serializer } })
    const client = clientFor(t, servers, flow, { serializer })
    const run = await client.start('typed')
    await run.result(ENDS)
    const [make, take] = await attempts(run, 2)
    assert.deepEqual([make.output, take.input], Array(2).fill(new Map([['at', new Set([1n])]])))
    assert.deepEqual(take.output, new Set([1n]))
  })

  it('has a pause and how it went on, and the nodes of a subflow', async (t) => {
    const inner = createFlow('inner').node('in', async ({ context }) => ({ output: await context.get('given') }))
    const outer = {
      toBlueprint: () => ({
        id: 'outer',
        nodes: [{ id: 'a/b', uses: 'subflow', params: { blueprintId: 'inner', inputs: { given: 'word' } } }],
        edges: [],
      }),
      getFunctionRegistry: () => new Map(),
    }
    const client = await scene(t, [asking, inner, outer], { subflows: 'jobs' })
    const asked = await client.start('asking')
    await until(async () => (await asked.describe()).status === 'awaiting')
    await asked.resume({ action: 'yes', output: 'granted' })
    const run = await client.start('outer', { context: { word: 'on' } })
    await Promise.all([asked.result(ENDS), run.result(ENDS)])
    assert.deepEqual((await attempts(asked, 4)).map(said), [
      ['ask 1.1 done', undefined, 'asked'],
      ['approval 1.1 awaiting', 'asked', undefined],
      ['approval 2.1 done', undefined, 'granted'],
      ['done 1.1 done', 'granted', 'granted'],
    ])
    const { nodes } = await asked.describe()
    assert.equal(nodes.find(({ nodeId }) => nodeId === 'approval').execution, 2, 'how it went on counts as another')
    const inside = (await attempts(run, 3)).map(said)
    assert.equal(inside[0][0], 'a/b 1.1 awaiting')
    assert.deepEqual(inside[1], ['a~1b/in 1.1 done', undefined, 'on'])
    assert.equal(inside[2][0], 'a/b 2.1 done')
  })
})

describe('with a codec the history', () => {
  it('is read with it alone, and is stored encrypted', async (t) => {
    const flow = createFlow('secrets')
      .node('make', () => ({ output: secret('made') }))
      .node('take', ({ input, dependencies: { job } }) => {
        job.logger.info(`card ${input.number}`, { card: SECRET })
        throw new Error(`refused ${input.number}`)
      })
    flow.edge('make', 'take')
    const codec = codecOf()
    const client = await scene(t, flow, { codec })
    const run = await client.start('secrets')
    await assert.rejects(run.result(ENDS), { code: 'RUN_FAILED' })
    const [make, take] = await attempts(run, 2)
    assert.deepEqual([make.output, take.input], [secret('made'), secret('made')])
    assert.deepEqual([take.log[0].message, take.log[0].fields], [`card ${SECRET}`, { card: SECRET }])
    assert.match(take.error.message, new RegExp(`refused ${SECRET}`))
    for (const blind of [
      clientFor(t, servers, flow),
      clientFor(t, servers, flow, {
        codec: codecOf('k1', { keys: { k1: Buffer.from('another key of thirty-two bytes!') } }),
      }),
    ]) {
      const { attempts: seen } = await blind.run(run.runId).history()
      assert.ok(!JSON.stringify(seen).includes(SECRET))
      assert.deepEqual([seen[0].input, seen[0].error.message, seen[0].log[0].message], Array(3).fill('[encrypted]'))
    }
  })

  it('leaves no value readable in its table', onServers('its table is read'), async (t) => {
    const flow = createFlow('stored').node('make', ({ dependencies: { job } }) => {
      job.logger.info(SECRET)
      return { output: secret('made') }
    })
    const client = await scene(t, flow, { codec: codecOf() })
    const run = await client.start('stored', { context: secret('context') })
    await run.result(ENDS)
    await attempts(run, 1)
    const { rows } = await servers.pg.query(`SELECT t::text FROM ${servers.contextTable}_history AS t`)
    const own = rows.filter(({ t: row }) => row.includes(run.runId))
    assert.equal(own.length, 1)
    assert.ok(!own[0].t.includes(SECRET), own[0].t)
  })
})

describe('the history goes', () => {
  it('with its run, and a run that begins anew has none of the one before', async (t) => {
    const client = await scene(t, single)
    const [deleted, purged, again] = await Promise.all(
      ['deleted', 'purged', 'again'].map((runId) => client.start('single', { runId: `${servers.name}-${runId}` })),
    )
    for (const run of [deleted, purged, again]) {
      await run.result(ENDS)
      await attempts(run, 1)
    }
    const { outcome } = await client.start('single', { runId: again.runId, onConflict: 'restart-if-ended' })
    assert.equal(outcome, 'restarted')
    await again.result(ENDS)
    await attempts(again, 1)
    await deleted.delete()
    assert.deepEqual(await deleted.history(), { attempts: [] })
    assert.equal((await again.history()).attempts.length, 1)
    await client.purge({ olderThan: 0 })
    for (const run of [purged, again]) assert.deepEqual(await run.history(), { attempts: [] })
  })

  it('and does not come back, where its run is removed before it is written', async (t) => {
    const client = await scene(t, single)
    const runs = await client.startMany(
      'single',
      Array.from({ length: 20 }, () => ({})),
    )
    for (const run of runs) await run.result(ENDS)
    for (const run of runs) await run.delete()
    const last = await client.start('single')
    await last.result(ENDS)
    await attempts(last, 1)
    for (const run of runs) assert.deepEqual(await run.history(), { attempts: [] })
  })
})

describe('a worker', () => {
  it('writes what it has not written when it stops', async (t) => {
    const client = clientFor(t, servers, single)
    const adapter = await servers.workerFor(t, single, HISTORY)
    const there = clientFor(t, servers, single)
    const run = await there.start('single')
    await run.result(ENDS)
    await adapter.stop()
    assert.equal((await client.run(run.runId).history()).attempts.length, 1)
  })

  it('without the option writes none', async (t) => {
    await servers.workerFor(t, single)
    const client = clientFor(t, servers, single)
    const run = await client.start('single')
    await run.result(ENDS)
    const kept = await scene(t, single)
    const other = await kept.start('single')
    await other.result(ENDS)
    await attempts(other, 1)
    assert.deepEqual(await run.history(), { attempts: [] })
  })

  it('warns once where the table is not there, and goes on', async (t) => {
    const own = await openSharedServers()
    t.after(() => own.close())
    const warnings = []
    const ignore = () => {}
    const logger = { debug: ignore, info: ignore, warn: (line) => void warnings.push(line), error: ignore }
    await own.workerFor(t, single, { ...HISTORY, runtime: { logger } })
    const client = clientFor(t, own, single)
    // Tables of a test may be migrated from the start.
    await own.migrate('down')
    const runs = await client.startMany(
      'single',
      Array.from({ length: 3 }, () => ({})),
    )
    for (const run of runs) await run.result(ENDS)
    await until(() => warnings.some((line) => /option history.*step 9.*migrate up/.test(line)))
    await (await client.start('single')).result(ENDS)
    assert.equal(warnings.filter((line) => line.includes('history')).length, 1)
    await assert.rejects(runs[0].history(), { code: 'TABLE_MISSING', message: /step 9/ })
  })
})
