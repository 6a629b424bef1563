// What the page of the dashboard is answered.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { childRun, migrate } from '@flowcraft/rabbitmq-adapter'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { ask, boardFor, orders, quick } from './support/board.js'

describe('the history of a node', () => {
  it('has its attempts, ten at a time, as redact shows the context and what is known of nodes', async (t) => {
    const laps = createFlow('laps').node('step', async ({ context, dependencies: { job } }) => {
      const lap = ((await context.get('lap')) ?? 0) + 1
      await context.set('lap', lap)
      job.logger.info(`lap ${lap}`, { token: 'hidden' })
      if (lap === 12) throw new Error('token hidden')
      return { output: { lap, token: 'hidden' } }
    })
    laps.loop('again', { startNodeId: 'step', endNodeId: 'step', condition: 'lap < 99' })
    const seen = []
    const redact = (path, value, place) => {
      seen.push(`${place} ${path.join(' ')}`)
      return path.at(-1) === 'token' ? '•••' : typeof value === 'string' ? value.replace('hidden', '•••') : value
    }
    const { env, get } = await boardFor(t, {
      flows: { laps },
      env: { runtime: { evaluator: new UnsafeEvaluator() }, adapter: { history: true } },
      redact,
    })
    const query = { id: 'laps-1', node: 'step' }
    const refused = await get('run/history', query)
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'TABLE_MISSING'])
    await migrate(env.servers)
    await env.client.start('laps', { runId: 'laps-1' })
    await env.expectRun('laps-1').toHaveFailed()
    await until(async () => (await env.client.run('laps-1').history()).attempts.length === 23)
    const first = await get('run/history', query)
    assert.equal(first.status, 200)
    const { attempts, cursor } = first.body
    assert.deepEqual(
      attempts.map(({ execution, outcome }) => `${execution} ${outcome}`),
      ['12 failed', ...Array.from({ length: 9 }, (_, at) => `${11 - at} done`)],
    )
    assert.match(attempts[0].error.message, /token •••$/)
    assert.deepEqual([attempts[0].input, attempts[1].output], [attempts[1].output, { lap: 11, token: '•••' }])
    assert.deepEqual(attempts[1].log[0].fields, { token: '•••' })
    assert.ok(!JSON.stringify(first.body).includes('hidden'))
    for (const path of ['context _inputs.step token', 'context _outputs.step token', 'node step error']) {
      assert.ok(seen.includes(path), path)
    }
    assert.equal((await get('run/history', { ...query, cursor })).body.attempts.length, 2)
    assert.equal((await get('run/history', { id: 'laps-1' })).status, 400)
  })
})

describe('runs', () => {
  it('are listed by filters, page by page', async (t) => {
    const { env, get } = await boardFor(t)
    for (let at = 0; at < 7; at += 1) await env.client.start('order', { runId: `order-${at}` })
    await env.client.start('quick', { runId: 'quick-1' })
    await env.settle()
    const first = await get('runs', { status: 'awaiting', limit: 4, order: 'asc' })
    assert.equal(first.status, 200)
    assert.deepEqual(
      first.body.runs.map(({ runId, status, blueprintId }) => [runId, status, blueprintId]),
      [0, 1, 2, 3].map((at) => [`order-${at}`, 'awaiting', 'order']),
    )
    const second = await get('runs', { status: 'awaiting', limit: 4, order: 'asc', cursor: first.body.cursor })
    assert.deepEqual(
      second.body.runs.map(({ runId }) => runId),
      ['order-4', 'order-5', 'order-6'],
    )
    assert.equal(second.body.cursor, undefined)
    const { body } = await get('runs', { prefix: 'quick' })
    assert.deepEqual([body.runs.length, body.runs[0].status], [1, 'completed'])
    const counts = (await get('runs/counts')).body.counts
    assert.deepEqual(counts.map(({ blueprintId, status, count }) => `${count} ${blueprintId} ${status}`).sort(), [
      '1 quick completed',
      '7 order awaiting',
    ])
    for (const span of ['hour', 'day', 'week', 'month']) {
      const { body: told } = await get('runs/throughput', { span })
      assert.deepEqual(
        told.ended.map(({ status, blueprintId, count }) => `${count} ${blueprintId} ${status}`),
        ['1 quick completed'],
      )
      assert.ok(told.withinMs / told.stepMs <= 100, span)
    }
    const byQueue = (await get('runs/throughput', { span: 'day', by: 'queue' })).body.ended
    assert.deepEqual(
      byQueue.map(({ status, blueprintId, count }) => `${count} ${blueprintId} ${status}`),
      ['1 undefined completed'],
    )
    assert.equal((await get('runs/throughput', { span: 'year' })).status, 400)
    assert.deepEqual((await get('limits')).body, { limits: [] })
    await env.client.run('order-6').cancel('sold out')
    const found = async (query) => (await get('runs', { ...query, order: 'asc' })).body.runs.map(({ runId }) => runId)
    assert.deepEqual(await found({ waitingAt: 'approval', limit: 2 }), ['order-0', 'order-1'])
    assert.deepEqual([await found({ error: 'sold' }), await found({ paused: 'true' })], [['order-6'], []])
    assert.equal((await get('runs', { paused: 'perhaps' })).status, 400)
  })

  it('are found by tags, as the address has them', async (t) => {
    const { env, get } = await boardFor(t)
    await env.client.start('order', { runId: 'one', tags: ['customer:1', 'eu'] })
    await env.client.start('order', { runId: 'two', tags: ['customer:2', 'eu', 'a,b'] })
    await env.client.start('order', { runId: 'three' })
    await env.settle()
    const ids = async (tags) => (await get('runs', { tags, order: 'asc' })).body.runs.map(({ runId }) => runId)
    assert.deepEqual(await ids('eu'), ['one', 'two'])
    assert.deepEqual(await ids('eu, customer:2'), ['two'])
    assert.deepEqual(await ids('["a,b"]'), ['two'])
    assert.deepEqual(await ids('[customer'), [])
    assert.deepEqual(await ids(''), ['one', 'three', 'two'])
    assert.deepEqual((await get('run', { id: 'one' })).body.tags, ['customer:1', 'eu'])
    const preview = await get('runs/preview', { action: 'cancel', tags: 'customer:1' })
    assert.deepEqual([preview.body.ids, preview.body.first[0].tags], [['one'], ['customer:1', 'eu']])
    assert.equal((await get('runs', { tags: 'x'.repeat(65) })).status, 400)
  })

  it('that have not changed are not sent again', async (t) => {
    const { env, url, get } = await boardFor(t)
    await env.client.start('quick', { runId: 'q' })
    await env.settle()
    const etag = (await get('run', { id: 'q' })).headers.get('etag')
    const again = await ask(`${url}/api/run?id=q`, { headers: { 'if-none-match': etag } })
    assert.deepEqual([again.status, again.body], [304, ''])
  })

  it('are cancelled, retried and deleted in bulk, after a look at which they are', async (t) => {
    const world = { declined: true }
    const { env, get, post } = await boardFor(t, { flows: { order: orders(world), quick } })
    const ids = Array.from({ length: 12 }, (_, at) => `order-${10 + at}`)
    await env.client.startMany(
      'order',
      ids.map((runId) => ({ runId })),
    )
    await env.client.start('quick', { runId: 'quick' })
    await env.settle()
    const preview = await get('runs/preview', { action: 'retry', blueprint: 'order', order: 'asc' })
    assert.deepEqual(preview.body.ids, ids)
    assert.equal(preview.body.first[0].status, 'failed')
    world.declined = false
    const { body } = await post('runs/retry', { ids: [...ids, 'quick', 'none'] })
    assert.deepEqual(
      body.outcomes
        .filter(({ code }) => code)
        .map(({ runId, code }) => [runId, code])
        .sort(),
      [
        ['none', 'RUN_NOT_FOUND'],
        ['quick', 'RUN_NOT_FAILED'],
      ],
    )
    await env.settle()
    assert.equal((await get('runs', { status: 'awaiting' })).body.runs.length, 12)
    assert.equal((await post('runs/cancel', { ids })).body.outcomes.length, 12)
    assert.equal((await post('runs/delete', { ids })).body.outcomes.filter(({ code }) => code).length, 0)
    assert.deepEqual(
      (await get('runs')).body.runs.map(({ runId }) => runId),
      ['quick'],
    )
  })
})

describe('a run', () => {
  it('is described with what each node waits for, and by which actions it goes on', async (t) => {
    const { env, get, post } = await boardFor(t)
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    const { body } = await get('run', { id: 'o' })
    assert.equal(body.status, 'awaiting')
    const approval = body.nodes.find(({ nodeId }) => nodeId === 'approval')
    assert.deepEqual([approval.state, approval.actions], ['awaiting', ['approve', 'reject']])
    const { approvals } = (await get('approvals')).body
    assert.deepEqual(
      approvals.map(({ runId, nodes }) => [runId, nodes[0].nodeId]),
      [['o', 'approval']],
    )
    const done = await post('run/resume', { id: 'o', nodeId: 'approval', decision: 'approve', output: { by: 'ada' } })
    assert.deepEqual(done.body, { nodes: ['approval'] })
    await env.expectRun('o').toHaveCompleted({ outputs: { ship: { by: 'ada' } } })
    assert.equal((await get('approvals')).body.approvals.length, 0)
  })

  it('that wait for a run of their own are no approvals, and each names the other', async (t) => {
    const outer = createFlow('outer').node('call', childRun('order'))
    const { env, get } = await boardFor(t, { flows: { outer, order: orders() } })
    await env.client.start('outer', { runId: 'outer-1' })
    await env.settle()
    const { nodes } = (await get('run', { id: 'outer-1' })).body
    const child = nodes[0].waitsFor.childRunId
    assert.deepEqual((await get('run', { id: child })).body.parent, { runId: 'outer-1', nodeId: 'call' })
    const { approvals } = (await get('approvals')).body
    assert.deepEqual(
      approvals.map(({ runId }) => runId),
      [child],
    )
  })

  it('has the graph of its blueprint, where the client knows it', async (t) => {
    const { get } = await boardFor(t)
    const { body } = await get('run/graph', { blueprint: 'order' })
    assert.deepEqual(body.blueprints[0].edges.at(-1), { source: 'approval', target: 'refund', action: 'reject' })
    assert.deepEqual((await get('run/graph', { blueprint: 'unknown' })).body, { blueprints: [] })
  })

  it('has a context of which small values are shown, large ones asked for, and numbers exact', async (t) => {
    const { env, get } = await boardFor(t)
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, at) => [`key${at}`, 'x'.repeat(40)]))
    await env.client.start('order', {
      runId: 'c',
      context: { many, long: 'é'.repeat(9_000), list: [1, [2, { deep: 3 }]] },
    })
    await env.settle()
    const { value } = (await get('run/context', { id: 'c' })).body
    const top = Object.fromEntries(value.children.map((child) => [child.key, child.value]))
    assert.equal(top.many.children, undefined)
    assert.deepEqual([top.long.isCut, top.long.text.length], [true, 2_000])
    assert.equal(top.list.children[1].value.children[1].value.children[0].value.text, '3')
    const page = (await get('run/context', { id: 'c', path: JSON.stringify(['many']), from: 200 })).body.value
    assert.deepEqual(
      [page.children.length, page.children[0].key, page.next],
      [50, Object.keys(many).sort(order)[200], undefined],
    )
    const whole = await get('run/copy', { id: 'c', path: JSON.stringify(['long']) })
    assert.equal(JSON.parse(whole.body.json).length, 9_000)
    assert.deepEqual((await get('run/context', { id: 'c', path: '["none"]' })).body, {})
    assert.equal((await get('run/copy', { id: 'c', path: '["none"]' })).status, 404)
  })

  it('is run again from a node, as a new run that names its origin', async (t) => {
    const world = { declined: true }
    const { env, get, post } = await boardFor(t, { flows: { order: orders(world), quick } })
    await env.client.start('order', { runId: 'o', context: { card: '4111' } })
    await env.settle()
    world.declined = false
    const change = { context: { note: 'again' }, input: { amount: 7 }, runId: 'o-2' }
    const done = await post('run/rerun', { id: 'o', nodeId: 'charge', ...change })
    assert.deepEqual([done.status, done.body], [200, { runId: 'o-2' }])
    await env.settle()
    assert.equal((await get('run', { id: 'o-2' })).body.status, 'awaiting')
    assert.equal((await get('run', { id: 'o' })).body.status, 'failed')
    assert.deepEqual((await get('run/origin', { id: 'o-2' })).body, { origin: { runId: 'o', nodeId: 'charge' } })
    assert.deepEqual((await get('run/origin', { id: 'o' })).body, {})
    const { children } = (await get('run/context', { id: 'o-2' })).body.value
    const shown = Object.fromEntries(children.map(({ key, value }) => [key, value.text]))
    assert.deepEqual([shown.note, shown.card], ['again', '4111'])
    for (const [body, status, code] of [
      [{ nodeId: 'charge', runId: 'o-2' }, 409, 'RUN_EXISTS'],
      [{ nodeId: 'approval' }, 409, 'NODE_NOT_RERUNNABLE'],
      [{ nodeId: 'nowhere' }, 404, 'NODE_UNKNOWN'],
      [{}, 400, 'INVALID_ARGUMENT'],
      [{ nodeId: 'charge', context: [] }, 400, 'INVALID_ARGUMENT'],
      [{ nodeId: 'charge', context: { _flowcraft: 1 } }, 400, 'RESERVED_KEY'],
    ]) {
      const refused = await post('run/rerun', { id: 'o', ...body })
      assert.deepEqual([refused.status, refused.body.error.code], [status, code], JSON.stringify(body))
    }
  })

  it('is told of events, and deleted when it is over', async (t) => {
    const { env, get, post } = await boardFor(t)
    await env.client.start('order', { runId: 'e' })
    await env.settle()
    assert.deepEqual((await post('run/send-event', { id: 'e', event: 'nobody', payload: 1 })).body, { nodes: [] })
    const refused = await post('run/delete', { id: 'e' })
    assert.deepEqual([refused.status, refused.body.error.code], [409, 'RUN_NOT_ENDED'])
    assert.equal((await post('run/pause', { id: 'e', reason: 'disputed' })).status, 200)
    assert.equal((await get('run', { id: 'e' })).body.paused.reason, 'disputed')
    assert.equal((await post('run/unpause', { id: 'e' })).status, 200)
    assert.equal((await get('run', { id: 'e' })).body.paused, undefined)
    assert.equal((await post('run/cancel', { id: 'e', reason: 'no longer wanted' })).status, 200)
    assert.equal((await get('run', { id: 'e' })).body.reason, 'no longer wanted')
    assert.equal((await post('run/delete', { id: 'e' })).status, 200)
    assert.deepEqual((await get('run', { id: 'e' })).body.error.code, 'RUN_NOT_FOUND')
  })
})

/** The order in which a context keeps keys: by length, then by letters, as JSONB does; memory keeps the given order. */
function order() {
  return 0
}

describe('schedules', () => {
  const HOURLY = { everyMs: 3_600_000, blueprintId: 'quick' }

  it('are listed with when they are due, page by page, without the context of their runs', async (t) => {
    const { env, get } = await boardFor(t)
    assert.deepEqual((await get('schedules')).body, { schedules: [] })
    const { next } = await env.client.schedules.create({ id: 'a', ...HOURLY, context: { card: '4111' } })
    for (let at = 0; at < 100; at += 1) await env.client.schedules.create({ id: `b${at}`, ...HOURLY })
    const first = (await get('schedules')).body
    assert.equal(first.schedules.length, 100)
    const [{ scheduleId, state, everyMs, next: told, waiting, context, recent }] = first.schedules
    assert.deepEqual(
      [scheduleId, state, everyMs, told, waiting, context, recent],
      ['a', 'active', 3_600_000, next[0].toISOString(), 0, undefined, undefined],
    )
    const second = (await get('schedules', { cursor: first.cursor })).body
    assert.deepEqual([second.schedules.length, second.cursor], [1, undefined])
    assert.deepEqual((await get('schedules', { blueprint: 'order' })).body.schedules, [])
  })

  it('pause, go on, and start a run now', async (t) => {
    const { env, get, post } = await boardFor(t)
    await env.client.schedules.create({ id: 's', ...HOURLY })
    const one = async () => (await get('schedules')).body.schedules[0]
    assert.deepEqual((await post('schedules/pause', { id: 's', reason: 'moving' })).body, {})
    const paused = await one()
    assert.deepEqual([paused.state, paused.note, typeof paused.pausedAt], ['paused', 'moving', 'string'])
    const { runId } = (await post('schedules/trigger', { id: 's' })).body
    await env.settle()
    await env.expectRun(runId).toHaveCompleted()
    assert.equal((await post('schedules/resume', { id: 's' })).status, 200)
    const { state, last, counts } = await one()
    assert.deepEqual([state, last.runId, counts.triggered], ['active', runId, 1])
    for (const call of ['pause', 'resume', 'trigger']) {
      const refused = await post(`schedules/${call}`, { id: 'none' })
      assert.deepEqual([refused.status, refused.body.error.code], [404, 'SCHEDULE_NOT_FOUND'], call)
      assert.equal((await post(`schedules/${call}`, {})).body.error.code, 'INVALID_ARGUMENT')
    }
  })
})

describe('dead letters', () => {
  it('are shown with reason and body, put back and removed', async (t) => {
    const { env, get, post } = await boardFor(t, { env: { adapter: { blueprintTimeout: 0 } } })
    for (const runId of ['lost-1', 'lost-2']) {
      await env.adapter.enqueueJob({ runId, blueprintId: 'nobody has it', nodeId: 'n' })
      await env.settle() // one after the other: they stand in the order in which they were given up
    }
    const { letters } = (await get('dead')).body
    assert.equal(letters.length, 2)
    assert.deepEqual(letters[0].job, { runId: 'lost-1', blueprintId: 'nobody has it', nodeId: 'n' })
    assert.equal(JSON.parse(letters[0].body).nodeId, 'n')
    assert.match(letters[0].reason, /nobody has it/)
    assert.deepEqual((await post('dead/discard', { ids: [letters[0].id] })).body, { count: 1 })
    assert.deepEqual((await post('dead/replay', { ids: [letters[1].id] })).body, { count: 1 })
    await env.settle()
    assert.equal((await get('dead')).body.letters[0].job.runId, 'lost-2')
    assert.equal((await post('dead/discard', { ids: [] })).status, 400)
  })
})

describe('the fleet', () => {
  it('has workers, queues, and says what nobody works', async (t) => {
    const { env, get } = await boardFor(t)
    await env.settle()
    await until(async () => (await env.client.workers()).length > 0)
    const { workers, queues, warnings } = (await get('fleet')).body
    assert.deepEqual(Object.keys(workers[0].blueprints).sort(), ['order', 'quick'])
    assert.deepEqual([queues[0].queue, queues[0].consumers], ['jobs', 1])
    assert.deepEqual(warnings, [])
    await env.close()
  })

  it('warns of a queue without a worker', async (t) => {
    const { env, get } = await boardFor(t, { env: { workers: 0 } })
    await env.client.start('quick', { runId: 'waits' })
    const { warnings } = (await get('fleet')).body
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['NO_CONSUMER'],
    )
    assert.match(warnings[0].message, /1 message/)
  })

  it('says which server does not answer, and no credential', async (t) => {
    const { env, get } = await boardFor(t)
    await env.settle()
    await env.fail('postgres')
    const { status, body } = await get('runs')
    assert.deepEqual([status, body.error.code], [503, 'DATABASE_UNREACHABLE'])
    const { queues, warnings } = (await get('fleet')).body
    assert.deepEqual([queues.length, warnings.some(({ code }) => code === 'UNKNOWN')], [1, true])
    const { servers } = (await get('health')).body
    assert.deepEqual(
      servers.map(({ server, isUp }) => [server, isUp]),
      [
        ['PostgreSQL', false],
        ['RabbitMQ', true],
        // This client has no Redis: the workers stand in a table.
        ['worker registry', false],
      ],
    )
  })
})

describe('the session', () => {
  it('says who looks, what they may, and what is known', async (t) => {
    const { get } = await boardFor(t, { authorize: () => ({ name: 'ada', role: 'operate' }) })
    const { body } = await get('session')
    assert.deepEqual(
      [body.user, body.role, body.readOnly, body.blueprints],
      ['ada', 'operate', false, ['order', 'quick']],
    )
  })
})
