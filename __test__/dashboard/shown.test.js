// What leaves the server of the dashboard, and what is recorded there: an attacker may have written all that is shown.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow, NullLogger } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { ask, boardFor, orders, quick } from './support/board.js'

describe('what is shown', () => {
  it('lets nothing foreign in, and nothing of it stand in a frame', async (t) => {
    const { url } = await boardFor(t)
    const { headers } = await ask(`${url}/`)
    const policy = headers.get('content-security-policy')
    assert.match(policy, /default-src 'none'.*script-src 'self';.*frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe|\*|https?:/)
    assert.deepEqual(
      ['x-content-type-options', 'x-frame-options', 'referrer-policy', 'cross-origin-resource-policy'].map((name) =>
        headers.get(name),
      ),
      ['nosniff', 'DENY', 'no-referrer', 'same-origin'],
    )
    const page = (await ask(`${url}/`)).body
    assert.doesNotMatch(page, /<script>|<style|style=|\son\w+=|src="\/|href="\//)
  })

  it('is JSON, however much an id looks like markup', async (t) => {
    const { env, get } = await boardFor(t)
    const runId = '<img src=x onerror=alert(1)>"\'</script>'
    await env.client.start('order', { runId })
    await env.settle()
    const { headers, body } = await get('run', { id: runId })
    assert.match(headers.get('content-type'), /^application\/json/)
    assert.equal(body.runId, runId)
  })

  it('is redacted on the server, also where the function fails', async (t) => {
    const seen = []
    const redact = (path, value, place) => {
      seen.push(`${place} ${path.join('.')}`)
      if (path.at(-1) === 'card') return '•••'
      if (path.at(-1) === 'fragile') throw new Error('no')
      return typeof value === 'string' ? value.replaceAll('4111', '****') : value
    }
    const world = { declined: true }
    const flows = { order: orders(world), quick }
    const { env, get } = await boardFor(t, { flows, redact, env: { adapter: { blueprintTimeout: 0 } } })
    const order = { card: '4111-1', fragile: '4111-2', items: [{ card: '4111-3', note: 'paid by 4111' }] }
    await env.client.start('order', { runId: 'r', context: { order, 4111: 1 } })
    await env.adapter.enqueueJob({ runId: 'l', blueprintId: '4111', nodeId: 'n' })
    await env.client.schedules.create({ id: 's', everyMs: 60_000, blueprintId: 'quick', note: 'of 4111', paused: true })
    await env.settle()
    const shown = [
      (await get('schedules')).body,
      (await get('run/context', { id: 'r' })).body.value.children.find(({ key }) => key === 'order'),
      (await get('run/context', { id: 'r', path: '["order","items"]' })).body,
      (await get('run/context', { id: 'r', path: '["order","card"]' })).body,
      (await get('run/copy', { id: 'r', path: '["order"]' })).body,
      (await get('run/copy', { id: 'r' })).body.json.replace('"4111":1', ''),
      (await get('dead')).body.letters[0].body,
      (await get('run', { id: 'r' })).body.nodes,
    ]
    assert.doesNotMatch(JSON.stringify(shown), /4111/)
    assert.match(JSON.stringify(shown[1]), /•••.*redact failed/s)
    assert.ok(seen.includes('context order.items.0.card') && seen.includes('deadLetter body.blueprintId'))
    assert.ok(seen.includes('node charge.error') && seen.includes('schedule s.note'))
  })

  it('is redacted where an error was replaced by what a fallback gave', async (t) => {
    const paid = createFlow('paid')
      .node('card', async () => Promise.reject(new Error('card 4111 declined')), { config: { fallback: 'cash' } })
      .node('cash', async () => ({ output: 'paid' }))
    const redact = (_path, value) => (typeof value === 'string' ? value.replaceAll('4111', '****') : value)
    const { env, get } = await boardFor(t, { flows: { paid }, redact })
    await env.client.start('paid', { runId: 'p' })
    await env.settle()
    const { body } = await get('run', { id: 'p' })
    const { lastError, worker } = body.nodes.find(({ nodeId }) => nodeId === 'card')
    assert.match(lastError.message, /card \*\*\*\* declined/)
    assert.deepEqual([lastError.worker, Date.parse(lastError.endedAt) > 0], [worker, true])
  })

  it('is redacted where a node says how far it is', async (t) => {
    const seen = []
    const redact = (path, value, place) => {
      seen.push(`${place} ${path.join('.')}`)
      return path.at(-1) === 'card' ? '•••' : value
    }
    const charging = createFlow('charging').node('charge', async ({ dependencies: { job }, signal }) => {
      job.heartbeat({ card: '4111', done: 3 })
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})))
    })
    const { env, get } = await boardFor(t, { flows: { charging }, redact })
    await env.client.start('charging', { runId: 'c' })
    const shown = await until(async () => (await get('run', { id: 'c' })).body.nodes[0].progress)
    assert.deepEqual([shown.value, shown.attempt], [{ card: '•••', done: 3 }, 1])
    assert.ok(seen.includes('node charge.progress.card'))
    await env.client.run('c').cancel()
  })

  it('has the limits of a run as they are, whatever is hidden', async (t) => {
    const { env, get } = await boardFor(t, { redact: () => '•••' })
    const [bounded, free] = [{ runId: 'bounded', timeoutMs: 3_600_000, concurrency: 2 }, { runId: 'free' }]
    for (const options of [bounded, free]) await env.client.start('order', options)
    await env.settle()
    const { deadline } = await env.client.run('bounded').describe()
    const limitsOf = async (id) => {
      const { body } = await get('run', { id })
      return [body.status, body.deadline, body.concurrency]
    }
    assert.deepEqual(await limitsOf('bounded'), ['awaiting', deadline.toISOString(), 2])
    assert.deepEqual(await limitsOf('free'), ['awaiting', undefined, undefined])
    await env.client.run('bounded').resume({ action: 'approve' })
    await env.settle()
    assert.deepEqual(await limitsOf('bounded'), ['completed', undefined, 2])
  })

  it('of a large context is little', async (t) => {
    const { env, get } = await boardFor(t, { env: { workers: 0 } })
    const big = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`k${at}`, ['"}{'.repeat(30_000)]]))
    await env.client.start('order', { runId: 'big', context: { big, small: 1 } })
    const { body } = await get('run/context', { id: 'big' })
    const top = body.value.children.find(({ key }) => key === 'big').value
    assert.ok(top.size > 6_000_000 && top.children === undefined)
    assert.ok(JSON.stringify(body).length < 10_000)
    assert.equal((await get('run/copy', { id: 'big', path: '["big"]' })).body.error.code, 'VALUE_TOO_LARGE')
  })
})

describe('what is done', () => {
  it('is recorded, with who, when and what, and so is what is refused', async (t) => {
    const [lines, actions] = [[], []]
    const logger = {
      ...new NullLogger(),
      debug() {},
      error() {},
      info: (line) => lines.push(line),
      warn: (line) => lines.push(line),
    }
    const { env, post } = await boardFor(t, {
      authorize: () => ({ name: 'ada\n[Dashboard] eve', role: 'operate' }),
      logger,
      onAction: (action) => actions.push(action),
    })
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    await post('run/resume', { id: 'o', nodeId: 'approval', decision: 'approve', output: { card: '4111' } })
    const changed = { context: { card: '4111' }, input: '4111' }
    await post('run/rerun', { id: 'o', nodeId: 'charge', runId: 'o-2', ...changed })
    await post('run/cancel', { id: 'none' })
    await post('run/delete', { id: 'o' })
    assert.deepEqual(
      actions.map(({ action, target, refused }) => [action, target, refused]),
      [
        ['run/resume', { id: 'o', nodeId: 'approval', decision: 'approve' }, undefined],
        ['run/rerun', { id: 'o', nodeId: 'charge', runId: 'o-2' }, undefined],
        ['run/cancel', { id: 'none' }, 'RUN_NOT_FOUND'],
        ['run/delete', {}, 'ROLE_MISSING'],
      ],
    )
    assert.ok(actions.every(({ at, user }) => at instanceof Date && user.startsWith('ada')))
    assert.equal(lines.length, 4)
    assert.match(lines[0], /^\[Dashboard\] ada\\n\[Dashboard\] eve: run\/resume .*done$/)
    assert.ok(!lines.join('').includes('4111'))
  })
})
