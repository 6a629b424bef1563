// What a page follows as a stream of events: states as they change, for whom it is, and never more than a reader can take.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import { dashboardHandler } from '@flowcraft/rabbitmq-adapter/dashboard'
import { Live } from '../../dist/dashboard/live.js'
import { ask, boardFor, raw } from './support/board.js'

/** Reads a stream: `next` answers with the next event of a kind. */
async function streamOf(t, url, query, init = {}) {
  const controller = new AbortController()
  t.after(() => controller.abort())
  const response = await fetch(`${url}/api/live?${new URLSearchParams(query)}`, { ...init, signal: controller.signal })
  assert.equal(response.status, 200)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (kind) => {
    for (;;) {
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = Object.fromEntries(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => /^(\w*): ?(.*)$/s.exec(line) ?? [])
            .map(([, name, value]) => [name, value]),
        )
        text = text.slice(end + 2)
        if (fields.event === kind) return { id: fields.id, data: fields.data === '' ? '' : JSON.parse(fields.data) }
      }
      const { value, done } = await reader.read()
      if (done) return undefined
      text += value
    }
  }
  return { next, headers: response.headers, close: () => controller.abort() }
}

describe('a stream', () => {
  it('has a run as it changes, and a list', async (t) => {
    const { env, url } = await boardFor(t)
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    const run = await streamOf(t, url, { call: 'run', id: 'o' })
    const list = await streamOf(t, url, { call: 'runs', status: 'cancelled' })
    assert.match(run.headers.get('content-type'), /^text\/event-stream/)
    assert.match(run.headers.get('content-security-policy'), /default-src 'none'/)
    assert.equal((await run.next('state')).data.status, 'awaiting')
    assert.deepEqual((await list.next('state')).data.runs, [])
    await env.client.run('o').cancel('enough')
    assert.deepEqual((await run.next('state')).data.reason, 'enough')
    assert.deepEqual((await list.next('state')).data.runs[0].runId, 'o')
  })

  it('does not send again what its reader has, and says that it lives', async (t) => {
    const { env, url } = await boardFor(t)
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    const first = await streamOf(t, url, { call: 'run', id: 'o' })
    const { id } = await first.next('state')
    first.close()
    const again = await streamOf(t, url, { call: 'run', id: 'o' }, { headers: { 'last-event-id': id } })
    assert.equal((await again.next('alive')).data, '')
    await env.client.run('o').cancel('enough')
    assert.equal((await again.next('state')).data.status, 'cancelled')
  })

  it('says which server is down, and goes on', async (t) => {
    const { env, url } = await boardFor(t)
    await env.settle()
    await env.fail('postgres')
    const { next } = await streamOf(t, url, { call: 'runs' })
    const { data } = await next('failure')
    assert.deepEqual([data.status, data.code], [503, 'DATABASE_UNREACHABLE'])
    await env.restore('postgres')
    assert.deepEqual((await next('state')).data.runs, [])
  })

  it('has what redact lets through, behind any prefix, where nothing may be changed', async (t) => {
    const redact = (path, value, place) => (place === 'node' && path.at(-1) === 'reason' ? '•••' : value)
    const { env, url } = await boardFor(t, { redact, readOnly: true, basePath: '/ops' })
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    await env.client.run('o').cancel('4111')
    const { next } = await streamOf(t, `${url}/ops`, { call: 'run', id: 'o' })
    assert.equal((await next('state')).data.reason, '•••')
  })

  it('ends when its server closes', async (t) => {
    const { env } = await boardFor(t)
    const server = createServer(dashboardHandler({ client: env.client })).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { next } = await streamOf(t, `http://127.0.0.1:${server.address().port}`, { call: 'runs' })
    await next('state')
    const closed = once(server, 'close')
    server.close()
    assert.equal(await next('state'), undefined)
    server.closeIdleConnections()
    await closed
  })
})

describe('a stream is refused', () => {
  for (const [name, options, headers, status] of [
    ['without authorization', { authorize: () => false }, {}, 401],
    ['without the token', { token: 'correct horse battery staple' }, {}, 401],
    ['to a name that leads here', {}, { host: 'evil.example' }, 403],
    ['to another site', {}, { 'sec-fetch-site': 'cross-site' }, 403],
    ['to a forged origin', {}, { origin: 'https://evil.example' }, 403],
    ['to a sandboxed frame', {}, { origin: 'null' }, 403],
  ]) {
    it(name, async (t) => {
      const { url } = await boardFor(t, options)
      const answer = await raw(url, '/api/live?call=runs', { headers: { host: 'localhost', ...headers } })
      assert.equal(answer.status, status)
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    })
  }

  it('of what cannot be followed, and to who would write', async (t) => {
    const { url } = await boardFor(t)
    for (const call of ['', 'fleet', 'run/copy', '__proto__', 'constructor']) {
      assert.equal((await ask(`${url}/api/live?call=${call}`)).body.error.code, 'INVALID_ARGUMENT', call)
    }
    assert.equal((await ask(`${url}/api/live?call=runs`, { method: 'POST' })).status, 405)
  })

  it('beyond a hundred, until one ends', async (t) => {
    const { url } = await boardFor(t)
    const streams = await Promise.all(
      Array.from({ length: 100 }, (_, at) => streamOf(t, url, { call: 'run', id: `<img src=x>\n${at}` })),
    )
    assert.equal((await streams[99].next('failure')).data.code, 'RUN_NOT_FOUND')
    const refused = await ask(`${url}/api/live?call=runs`)
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'TOO_MANY_STREAMS'])
    assert.equal((await ask(`${url}/api/runs`)).status, 200)
    streams[0].close()
    for (let status = 503; status !== 200; ) {
      const controller = new AbortController()
      const response = await fetch(`${url}/api/live?call=runs`, { signal: controller.signal })
      status = response.status
      controller.abort()
    }
  })
})

/** A response that takes what it is given until it is `full`. */
class FakeResponse extends EventEmitter {
  written = []
  isFull = false
  writeHead() {}
  write(text) {
    this.written.push(text)
    return !this.isFull
  }
  get states() {
    return this.written.flatMap((text) => /^event: state\ndata: (.*)$/m.exec(text)?.[1] ?? [])
  }
}

describe('readers of one state', () => {
  const request = { headers: {}, socket: {} }

  it('share a question, and a slow one gets the newest alone', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
    let asked = 0
    const source = { key: 'k', ask: async () => ({ kind: 'state', text: String(++asked), every: 1_000 }) }
    const live = new Live()
    const [fast, slow] = [new FakeResponse(), new FakeResponse()]
    const settle = () => new Promise((resolve) => setImmediate(resolve))
    live.open(source, request, fast)
    live.open(source, request, slow)
    await settle()
    const before = asked
    slow.isFull = true
    for (let turn = 0; turn < 5; turn += 1) {
      t.mock.timers.tick(1_000)
      await settle()
    }
    assert.equal(asked, before + 5)
    assert.equal(fast.states.at(-1), String(asked))
    // One change is under way; what came after it waits, and only the newest is kept.
    assert.equal(slow.states.at(-1), String(before + 1))
    slow.isFull = false
    slow.emit('drain')
    assert.deepEqual(slow.states.slice(-2), [String(before + 1), String(before + 5)])
    const beats = () => fast.written.filter((text) => text.startsWith(': alive')).length
    const known = beats()
    t.mock.timers.tick(15_000)
    await settle()
    assert.ok(beats() > known)
    for (const response of [fast, slow]) response.emit('close')
    await settle()
    const last = asked
    t.mock.timers.tick(60_000)
    await settle()
    assert.equal(asked, last)
  })
})
