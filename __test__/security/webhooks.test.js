// The webhooks' handler is open to the world: what an attacker without a signature can do is nothing, and what one
// with a signature can do is to deliver a request, once, to one node of one run.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { after, before, describe, it } from 'node:test'
import { NullLogger } from 'flowcraft'
import { hooked } from '../fixtures/flows.js'
import { openSharedServers } from '../fixtures/shared-servers.js'

const LIMIT = 64 * 1024
const flow = hooked(async ({ input }) => ({ output: { ...input.request } }))
const webhook = { baseUrl: 'https://example.com/hooks', secret: 'a secret of the whole fleet', maxBodyBytes: LIMIT }

let servers
let adapter
let port
const errors = []
before(async () => {
  servers = await openSharedServers()
  const logger = Object.assign(new NullLogger(), { error: (line) => errors.push(line) })
  adapter = servers.adapter(flow, { webhook, runtime: { logger } })
  port = await mount(adapter)
})
after(() => servers.close())

async function mount(mounted) {
  const server = createServer(mounted.webhookHandler()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return server.address().port
}

/** A run that waits to be called, and the path it waits at. */
async function waiting() {
  const runId = await servers.begin(flow)
  await servers.settled(runId, ['awaiting'])
  const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
  return { runId, path: new URL(url).pathname }
}

const json = { 'content-type': 'application/json' }
const post = (path, body, headers = json) => fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body, headers })

/** Sends a request as it is written, which no client library would, and answers with what comes back. */
async function raw(head, body = '') {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(`${head}\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

describe('a URL', () => {
  it('is known by its whole signature, compared in constant time', async (t) => {
    const { path } = await waiting()
    const signature = path.split('.')[1]
    const compared = []
    const original = crypto.timingSafeEqual
    t.after(() => {
      crypto.timingSafeEqual = original
      syncBuiltinESMExports()
    })
    crypto.timingSafeEqual = (a, b) => {
      compared.push([String(a), String(b)])
      return original(a, b)
    }
    syncBuiltinESMExports()
    const wrong = `${path.slice(0, -1)}${path.endsWith('A') ? 'B' : 'A'}`
    assert.equal((await post(wrong, '{}')).status, 404)
    assert.ok(
      compared.some((pair) => pair.includes(wrong.split('.')[1]) && pair.includes(signature)),
      'the two signatures were compared there',
    )
  })

  it('that is not exactly a signed one gets the same answer, whatever is wrong with it', async () => {
    const [{ runId, path }, other] = [await waiting(), await waiting()]
    const [target, signature] = path.split('/').at(-1).split('.')
    const [otherTarget, otherSignature] = other.path.split('/').at(-1).split('.')
    const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const paths = [
      `/hooks/${target}`,
      `/hooks/${target}.`,
      `/hooks/.${signature}`,
      `/hooks/${target}.${signature.slice(0, -1)}`,
      `/hooks/${target}.${signature}A`,
      `/hooks/${target}.${signature}.${signature}`,
      `/hooks/${target}.${signature}/`,
      `/hooks/${target}.${signature}%00`,
      `/hooks/${target}.${signature};x`,
      `/hooks/${target}.${signature.toLowerCase()}`,
      `/hooks/${target}%2e${signature}`,
      `/hooks/${target}=.${signature}`,
      `/hooks/${target}.${otherSignature}`,
      `/hooks/${otherTarget}.${signature}`,
      `/hooks/x?/${target}.${signature}`,
      `/hooks/${encode([runId, 'done'])}.${signature}`,
      `/hooks/${encode({ 0: runId, 1: 'hook' })}.${signature}`,
      '/hooks/__proto__.constructor',
      '/hooks/..%2f..%2f',
      `//${target}.`,
      '*',
      '/',
    ]
    const answers = []
    for (const at of paths) {
      const answer = await raw(`POST ${at} HTTP/1.1`, '{}')
      answers.push(answer.replace(/^date: .*\r\n/im, ''))
      assert.match(answer, /^HTTP\/1\.1 404 /, at)
    }
    assert.deepEqual([...new Set(answers)].length, 1)
    for (const run of [runId, other.runId]) assert.equal((await servers.look(run)).status, 'awaiting')
    assert.deepEqual(errors, [])
  })

  it('is not sent back, and answers nothing of what was sent', async () => {
    const { path } = await waiting()
    for (const at of [path, '/hooks/echo.<script>']) {
      const answer = await raw(`POST ${at} HTTP/1.1\r\nx-echo: <b>`, 'echo')
      assert.doesNotMatch(answer, /echo|script|<b>|x-powered-by/i)
      assert.ok(!answer.includes(path.split('.')[1]))
    }
  })

  it('leads to its own run, whatever the run’s id says', async (t) => {
    const away = servers.adapter(flow, { started: false, webhook, pgClient: 'postgres://127.0.0.1:1/none' })
    t.after(() => away.stop())
    const elsewhere = await mount(away)
    for (const runId of ['the run is over', ': the run is over: it is completed', '../x', '"]["a', '__proto__']) {
      const { url } = await away.registerWebhookEndpoint(runId, 'hook')
      const response = await fetch(`http://127.0.0.1:${elsewhere}${new URL(url).pathname}`, { method: 'POST' })
      assert.equal(response.status, 503, `${runId}: it could not be recorded, and may be sent again`)
    }
  })
})

describe('a body', () => {
  it('that could never be stored is refused for good, and the run waits on', async () => {
    const { runId, path } = await waiting()
    const bodies = {
      'U+0000': 'a\0b',
      'an escaped U+0000': '"a\\u0000b"',
      'U+0000 in a key': '{"\\u0000":1}',
      'half of a surrogate pair': '"\\ud800"',
      'the other half, in a key': '{"x":[{"\\udfff":1}]}',
      'endless nesting': '['.repeat(LIMIT / 2) + ']'.repeat(LIMIT / 2),
      'endless nesting of objects': '{"a":'.repeat(10_000) + '1'.padEnd(10_001, '}'),
    }
    for (const [what, body] of Object.entries(bodies)) assert.equal((await post(path, body)).status, 400, what)
    assert.equal((await servers.look(runId)).status, 'awaiting')
    assert.deepEqual(errors, [], 'nobody has to be told')
    assert.equal((await post(path, '{}')).status, 202)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('of any other content is delivered as it came', async () => {
    const bodies = [
      '\\'.repeat(LIMIT),
      JSON.stringify('\\u0000 \\ud800'),
      JSON.stringify({ 'a\\u0000': '\\\\u0000' }),
      '"\u{1f980}"',
      '1e999',
      '9'.repeat(1000),
      '['.repeat(1000) + ']'.repeat(1000),
      '{"broken":',
    ]
    for (const body of bodies) {
      const { runId, path } = await waiting()
      assert.equal((await post(path, body, { 'content-type': 'text/plain' })).status, 202)
      const { context } = await servers.settled(runId)
      assert.equal(context['_outputs.done'].body, body)
      const parsed = await waiting()
      assert.equal((await post(parsed.path, body)).status, 202, body.slice(0, 60))
      assert.equal((await servers.settled(parsed.runId)).status, 'completed')
    }
  })

  it('changes no prototype, neither by its keys nor by its headers', async () => {
    const { runId, path } = await waiting()
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1}'
    const answer = await raw(
      `POST ${path} HTTP/1.1\r\n__proto__: polluted\r\nconstructor: 1\r\n${'content-type: application/json'}`,
      evil,
    )
    assert.match(answer, /^HTTP\/1\.1 202 /)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(JSON.stringify(context['_outputs.done'].body).includes('"__proto__":{"polluted":1}'), true)
    assert.equal({}.polluted, undefined)
    assert.equal(Object.prototype.constructor, Object)
  })

  it('without an end is cut off', async () => {
    const { runId, path } = await waiting()
    const socket = net.connect(port, '127.0.0.1')
    let sent = 0
    socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`)
    const piece = 'x'.repeat(16 * 1024)
    const more = () => {
      while (!socket.destroyed && sent < 100 * 1024 * 1024) {
        sent += piece.length
        if (!socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`)) return
      }
    }
    socket.on('drain', more).on('error', () => {})
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    more()
    await new Promise((resolve) => socket.on('close', resolve))
    assert.ok(sent < 50 * 1024 * 1024, `${sent} bytes were taken`)
    assert.match(answer, /^$|^HTTP\/1\.1 413 /)
    assert.equal((await servers.look(runId)).status, 'awaiting')
  })

  it('whose sender went away in the middle is no delivery, nor one that takes its time in anybody’s way', async () => {
    const { runId, path } = await waiting()
    const slow = net.connect(port, '127.0.0.1')
    slow.write(`POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf`)
    const other = await waiting()
    assert.equal((await post(other.path, '{}')).status, 202, 'others are served meanwhile')
    slow.resetAndDestroy()
    await servers.settled(other.runId)
    assert.equal((await servers.look(runId)).status, 'awaiting')
    assert.equal((await post(path, '"whole"')).status, 202)
    const { context } = await servers.settled(runId)
    assert.equal(context['_outputs.done'].body, 'whole')
    assert.deepEqual(errors, [])
  })
})
