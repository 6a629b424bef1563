// Which requests to a webhook's URL are deliveries: by their method, by what the provider signed, by the key of the URL.
import assert from 'node:assert/strict'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as send } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { NullLogger } from 'flowcraft'
import { hooked } from '../fixtures/flows.js'
import { openSharedServers } from '../fixtures/shared-servers.js'

const SECRET = 'a secret of the whole fleet'
const flow = hooked(async ({ input }) => ({ output: input.request }))

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A worker with its handler behind a server, perhaps behind a framework that reads bodies before. */
async function mounted(t, options, framework = async () => {}) {
  const lines = []
  // On memory a worker says that nothing is durable.
  const keep = (line) => line.includes('durable') || lines.push(line)
  const logger = Object.assign(new NullLogger(), { warn: keep, error: keep })
  const webhook = { baseUrl: 'https://example.com/hooks', secret: SECRET, ...options }
  const adapter = await servers.workerFor(t, flow, { webhook, runtime: { logger } })
  const handler = adapter.webhookHandler()
  const server = createServer(async (request, response) => {
    await framework(request)
    await handler(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return {
    adapter,
    lines,
    request: (url, { method = 'POST', headers = {}, body } = {}) =>
      call({ port: server.address().port, path: new URL(url).pathname, method, headers }, body),
  }
}

/** Any method, which `fetch` does not have. */
async function call(options, body) {
  const request = send({ host: '127.0.0.1', agent: false, ...options })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}

/** A run that waits to be called, and the URL it waits at. */
async function waiting(adapter) {
  const runId = await servers.begin(flow)
  await servers.settled(runId, ['awaiting'])
  return { runId, url: (await adapter.registerWebhookEndpoint(runId, 'hook')).url }
}

const outcome = async (runId) => (await servers.settled(runId)).context['_outputs.done']
const json = { 'content-type': 'application/json' }

describe('a method', () => {
  it('that is not POST delivers nothing, and is told which does', async (t) => {
    const { adapter, request, lines } = await mounted(t)
    const { runId, url } = await waiting(adapter)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      const { status, headers, text } = await request(url, { method })
      assert.deepEqual([method, status, headers.allow], [method, 405, 'POST'])
      assert.equal(text === '', method === 'HEAD')
    }
    assert.equal(await servers.statusOf(runId), 'awaiting')
    assert.deepEqual(lines, [])
    assert.equal((await request(url)).status, 202)
    assert.equal((await outcome(runId)).method, 'POST')
  })

  it('that is chosen delivers; HEAD and OPTIONS cannot be', async (t) => {
    const { adapter, request } = await mounted(t, { methods: ['PUT', 'GET'] })
    for (const method of ['PUT', 'GET']) {
      const { runId, url } = await waiting(adapter)
      const refused = await request(url)
      assert.deepEqual([refused.status, refused.headers.allow], [405, 'PUT, GET'])
      assert.equal((await request(url, { method: 'HEAD' })).status, 405)
      assert.equal((await request(url, { method })).status, 202)
      assert.equal((await outcome(runId)).method, method)
    }
    for (const methods of [[], ['HEAD'], ['POST', 'OPTIONS'], ['post'], 'POST', [undefined]]) {
      const options = servers.options(flow, { webhook: { baseUrl: 'https://a.b', secret: SECRET, methods } })
      assert.throws(() => new adapter.constructor(options), { code: 'INVALID_OPTION', option: 'webhook.methods' })
    }
  })

  it('of a request whose signature does not fit says nothing', async (t) => {
    const { adapter, request } = await mounted(t)
    const { url } = await waiting(adapter)
    for (const method of ['GET', 'HEAD', 'POST']) {
      const { status, headers } = await request(`${url}x`, { method })
      assert.deepEqual([status, headers.allow], [404, undefined])
    }
  })
})

describe('a run', () => {
  it('that never was, or was deleted, is answered with 404, quietly', async (t) => {
    const { adapter, request, lines } = await mounted(t)
    for (const runId of ['never', 'a/b%2f..\n\u{1f600}', '__proto__']) {
      const { url } = await adapter.registerWebhookEndpoint(runId, 'hook')
      assert.equal((await request(url, { body: '{}', headers: json })).status, 404, runId)
    }
    assert.deepEqual(lines, [])
  })

  it('that is over is answered with 409, cancelled too', async (t) => {
    const { adapter, request, lines } = await mounted(t)
    const { runId, url } = await waiting(adapter)
    await adapter.cancel(runId)
    assert.equal((await request(url)).status, 409)
    assert.deepEqual(lines, [])
  })
})

/** As a provider signs: the bytes of the body, and nothing else. */
const signature = (body) => createHmac('sha256', 'the provider’s key').update(body).digest('hex')
function isFromProvider({ rawBody, headers }) {
  const [given, expected] = [Buffer.from(String(headers['x-signature'])), Buffer.from(signature(rawBody))]
  return given.length === expected.length && timingSafeEqual(given, expected)
}

describe('the option verify', () => {
  // JSON that nobody would write like this again.
  const body = '{ "b":1.0,\n"a" : "\\u00e9" }'

  it('is given the bytes as they came, and lets through what it finds good', async (t) => {
    const seen = []
    const verify = (delivery) => {
      seen.push(delivery)
      return isFromProvider(delivery)
    }
    const { adapter, request, lines } = await mounted(t, { verify })
    const { runId, url } = await waiting(adapter)
    const forged = { ...json, 'x-signature': signature(`${body} `) }
    assert.equal((await request(url, { body, headers: forged })).status, 401)
    assert.equal((await request(url, { body, headers: json })).status, 401)
    assert.equal(await servers.statusOf(runId), 'awaiting')
    assert.deepEqual(lines, [])
    assert.equal((await request(url, { body, headers: { ...json, 'x-signature': signature(body) } })).status, 202)
    const { rawBody, body: parsed } = await outcome(runId)
    assert.deepEqual([rawBody, parsed], [body, { b: 1, a: 'é' }])
    assert.deepEqual(
      seen.map((delivery) => [delivery.runId, delivery.nodeId, delivery.method, delivery.rawBody.toString()]),
      Array(3).fill([runId, 'hook', 'POST', body]),
    )
  })

  it('is given bytes that are no text', async (t) => {
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0x80])
    const { adapter, request } = await mounted(t, { verify: ({ rawBody }) => rawBody.equals(bytes) })
    const { url } = await waiting(adapter)
    assert.equal((await request(url, { body: Buffer.from([0xff, 0xfe, 0x00, 0x81]) })).status, 401)
    assert.notEqual((await request(url, { body: bytes })).status, 401)
  })

  const refusals = {
    'answers false': () => false,
    'promises false': async () => false,
    'answers nothing': () => {},
    'answers anything but true': () => ({ verified: true }),
    throws: () => {
      throw new Error('a signature that does not fit')
    },
    rejects: () => Promise.reject(new Error('a signature that does not fit')),
  }
  for (const [title, verify] of Object.entries(refusals)) {
    it(`refuses where it ${title}`, async (t) => {
      const { adapter, request, lines } = await mounted(t, { verify })
      const { runId, url } = await waiting(adapter)
      assert.equal((await request(url, { body, headers: json })).status, 401)
      assert.equal(await servers.statusOf(runId), 'awaiting')
      assert.deepEqual(lines, [])
    })
  }

  it('is not asked about what delivers nothing anyway', async (t) => {
    let asked = 0
    const verify = () => {
      asked += 1
      return true
    }
    const { adapter, request } = await mounted(t, { verify, maxBodyBytes: 10 })
    const { url } = await waiting(adapter)
    await request(`${url}x`)
    await request(url, { method: 'HEAD' })
    await request(url, { body: 'x'.repeat(11) })
    assert.equal(asked, 0)
    await request(url)
    assert.equal(asked, 1)
  })

  const frameworks = {
    'parsed it and kept the bytes': [(bytes) => ({ body: JSON.parse(bytes), rawBody: bytes }), 202],
    'parsed it and kept the text': [(bytes) => ({ body: JSON.parse(bytes), rawBody: String(bytes) }), 202],
    'read it as bytes': [(bytes) => ({ body: bytes }), 202],
    'read it as text': [(bytes) => ({ body: String(bytes) }), 202],
    'parsed it and kept nothing': [(bytes) => ({ body: JSON.parse(bytes) }), 401],
  }
  for (const [title, [read, expected]] of Object.entries(frameworks)) {
    it(`has the bytes of a body where a framework ${title}: ${expected}`, async (t) => {
      const framework = async (request) => {
        const chunks = []
        for await (const chunk of request) chunks.push(chunk)
        Object.assign(request, read(Buffer.concat(chunks)))
      }
      const { adapter, request } = await mounted(t, { verify: isFromProvider }, framework)
      const { runId, url } = await waiting(adapter)
      const headers = { ...json, 'x-signature': signature(body) }
      assert.equal((await request(url, { body, headers })).status, expected)
      if (expected === 202) assert.deepEqual((await outcome(runId)).body, { b: 1, a: 'é' })
    })
  }
})

describe('the key of the URLs', () => {
  const next = 'the secret of next month'

  it('is changed with both given for a while: URLs of either are known', async (t) => {
    const old = await mounted(t)
    const [first, second] = [await waiting(old.adapter), await waiting(old.adapter)]
    const both = await mounted(t, { secret: [next, SECRET] })
    assert.equal((await both.request(first.url)).status, 202, 'made with the old one')
    const url = (await both.adapter.registerWebhookEndpoint(second.runId, 'hook')).url
    assert.notEqual(url, second.url, 'the first one signs')
    assert.equal((await old.request(url)).status, 404)
    const only = await mounted(t, { secret: next })
    assert.equal((await only.request(second.url)).status, 404, 'made with one that was taken away')
    assert.equal((await only.request(url)).status, 202)
  })

  it('is refused where one of several is too short, or there is none', () => {
    for (const secret of [[], [SECRET, 'short'], 'short', [SECRET, undefined], [[SECRET]]]) {
      const options = { started: false, webhook: { baseUrl: 'https://a.b', secret } }
      assert.throws(() => servers.adapter(flow, options), { code: 'INVALID_OPTION', option: 'webhook.secret' })
    }
  })
})
