// The dashboard as an attacker would try it: each row is a request, and what it gets.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dashboardHandler } from '@flowcraft/rabbitmq-adapter/dashboard'
import { ask, boardFor, raw, WRITE } from './support/board.js'

const CANCEL = { method: 'POST', body: JSON.stringify({ id: 'victim' }) }
const EVIL = 'https://evil.example'

describe('without authorize and token, only this machine is answered', () => {
  for (const [name, headers, status] of [
    ['by its name', { host: 'localhost:4600' }, 200],
    ['by its address', { host: '127.0.0.1' }, 200],
    ['by its address in IPv6', { host: '[::1]:4600' }, 200],
    ['by another name that leads here (DNS rebinding)', { host: 'evil.example' }, 403],
    ['by a name that begins like its own', { host: 'localhost.evil.example' }, 403],
    ['by a proxy', { host: 'localhost', 'x-forwarded-for': '203.0.113.7' }, 403],
    ['by a proxy that says less', { host: 'localhost', forwarded: 'for=203.0.113.7' }, 403],
  ]) {
    it(`${name}: ${status}`, async (t) => {
      const { url } = await boardFor(t)
      for (const path of ['/', '/api/session']) assert.equal((await raw(url, path, { headers })).status, status, path)
    })
  }
})

describe('an action of another site is refused', () => {
  for (const [name, headers, code] of [
    ['a form', { 'content-type': 'application/x-www-form-urlencoded', origin: EVIL }, 'CROSS_SITE'],
    ['a form that pretends to be JSON', { 'content-type': 'text/plain', origin: EVIL }, 'CROSS_SITE'],
    ['a script', { ...WRITE, origin: EVIL, 'sec-fetch-site': 'cross-site' }, 'CROSS_SITE'],
    ['a script of a neighbour', { ...WRITE, 'sec-fetch-site': 'same-site' }, 'CROSS_SITE'],
    ['a script of an old browser', { ...WRITE, origin: EVIL }, 'CROSS_SITE'],
    ['a sandboxed frame', { ...WRITE, origin: 'null' }, 'CROSS_SITE'],
    ['without the mark', { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }, 'CROSS_SITE'],
    ['of another type', { ...WRITE, 'content-type': 'text/plain' }, 'BODY_INVALID'],
  ]) {
    it(name, async (t) => {
      const { env, url } = await boardFor(t)
      await env.client.start('order', { runId: 'victim' })
      await env.settle()
      const answer = await raw(url, '/api/run/cancel', { ...CANCEL, headers: { host: 'localhost', ...headers } })
      assert.equal(JSON.parse(answer.body).error.code, code)
      assert.equal((await env.client.run('victim').describe()).status, 'awaiting')
      assert.equal(answer.headers['access-control-allow-origin'], undefined)
    })
  }

  it('and so is what its scripts would read', async (t) => {
    const { url } = await boardFor(t)
    const headers = { host: 'localhost', 'sec-fetch-site': 'cross-site' }
    assert.equal((await raw(url, '/api/runs', { headers })).status, 403)
    assert.equal((await raw(url, '/api/session', { headers })).status, 403)
    // A link to the page is followed.
    assert.equal((await raw(url, '/', { headers })).status, 200)
    assert.equal((await raw(url, '/api/run/cancel', { method: 'OPTIONS', headers: { host: 'localhost' } })).status, 405)
  })

  it('while the page’s own is done, whatever a proxy made of the host', async (t) => {
    const { env, url } = await boardFor(t, { authorize: () => 'operate' })
    for (const headers of [
      { 'sec-fetch-site': 'same-origin', host: 'upstream:80', origin: 'https://ops.example' },
      { host: 'ops.example', origin: 'https://ops.example' },
      { host: 'upstream', 'x-forwarded-host': 'ops.example', origin: 'https://ops.example' },
      {},
    ]) {
      await env.client.start('order', { runId: 'victim', onConflict: 'restart-if-ended' })
      await env.settle()
      const { status } = await raw(url, '/api/run/cancel', { ...CANCEL, headers: { ...WRITE, ...headers } })
      assert.equal(status, 200, JSON.stringify(headers))
    }
  })
})

describe('the address', () => {
  for (const path of [
    '/../../package.json',
    '/..%2f..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/assets/../../index.js',
    '/assets/..%5c..%5cindex.js',
    '//etc/passwd',
    '/\\..\\..\\package.json',
    '/api/__proto__',
    '/api/constructor',
    '/api/../index.html',
    '/handler.js',
    '/%00',
    `/${'a'.repeat(8_000)}`,
  ]) {
    it(`leads nowhere else: ${path.slice(0, 60)}`, async (t) => {
      const { url } = await boardFor(t)
      const { status, body } = await raw(url, path, { headers: { host: 'localhost' } })
      assert.equal(status, 404)
      assert.doesNotMatch(body, /flowcraft\/rabbitmq|root:|import /)
    })
  }

  it('of a folder without its slash leads to it, and to no other server', async (t) => {
    const { url } = await boardFor(t, { basePath: '/ops' })
    const { status, headers } = await raw(url, '/ops', { headers: { host: 'localhost' } })
    assert.deepEqual([status, headers.location], [308, './ops/'])
    assert.equal((await raw(url, '/ops/', { headers: { host: 'localhost' } })).status, 200)
    assert.equal((await raw(url, '//evil.example', { headers: { host: 'localhost' } })).status, 404)
    assert.equal((await raw(url, '/opsy/api/session', { headers: { host: 'localhost' } })).status, 404)
  })
})

describe('what may not be done', () => {
  it('is refused by the server where it is read-only', async (t) => {
    const { env, post } = await boardFor(t, { readOnly: true })
    await env.client.start('order', { runId: 'victim' })
    await env.settle()
    for (const call of [
      'run/cancel',
      'run/resume',
      'run/rerun',
      'run/send-event',
      'runs/cancel',
      'dead/replay',
      'dead/discard',
      'schedules/pause',
      'schedules/resume',
      'schedules/trigger',
    ]) {
      const { status, body } = await post(call, { id: 'victim', ids: ['victim'], event: 'e' })
      assert.deepEqual([status, body.error.code], [405, 'READ_ONLY'], call)
    }
    assert.equal((await env.client.run('victim').describe()).status, 'awaiting')
  })

  it('depends on the role', async (t) => {
    const role = { now: 'look' }
    const { env, get, post } = await boardFor(t, { authorize: () => role.now })
    await env.client.start('order', { runId: 'o' })
    await env.settle()
    assert.equal((await get('run', { id: 'o' })).status, 200)
    assert.deepEqual((await post('run/cancel', { id: 'o' })).body.error.code, 'ROLE_MISSING')
    for (const call of ['run/rerun', 'schedules/pause', 'schedules/resume', 'schedules/trigger']) {
      assert.deepEqual((await post(call, { id: 'o', nodeId: 'charge' })).body.error.code, 'ROLE_MISSING', call)
    }
    role.now = 'operate'
    assert.equal((await post('run/cancel', { id: 'o' })).status, 200)
    for (const call of ['run/delete', 'runs/delete', 'dead/discard']) {
      assert.equal((await post(call, { id: 'o', ids: ['o'] })).status, 403, call)
    }
    role.now = 'administer'
    assert.equal((await post('run/delete', { id: 'o' })).status, 200)
    for (const nothing of ['root', '', undefined, false, null, {}, { role: 'god' }]) {
      role.now = nothing
      assert.equal((await get('session')).status, 401, String(nothing))
    }
  })

  it('is not let through by an authorize that fails, and its error is not shown', async (t) => {
    const { url } = await boardFor(t, {
      authorize: () => {
        throw new Error('ldap://secret is down')
      },
    })
    for (const path of ['/', '/api/session', '/icon.svg']) {
      const { status, body } = await ask(url + path)
      assert.equal(status, 401)
      assert.doesNotMatch(JSON.stringify(body), /secret/)
    }
  })

  it('may be answered by authorize itself, with a redirect to a login', async (t) => {
    const { url } = await boardFor(t, {
      authorize: (_request, response) => void response.writeHead(302, { location: '/login' }).end(),
    })
    const { status, headers } = await raw(url, '/', { headers: { host: 'anywhere' } })
    assert.deepEqual([status, headers.location], [302, '/login'])
  })
})

describe('a token', () => {
  const token = 'correct horse battery staple'

  it('lets in whoever opens the address that has it, and nobody else', async (t) => {
    const { url } = await boardFor(t, { token })
    assert.equal((await ask(`${url}/`)).status, 401)
    assert.equal((await ask(`${url}/?token=wrong`)).status, 401)
    const entered = await raw(url, `/?token=${encodeURIComponent(token)}`)
    const [cookie] = entered.headers['set-cookie']
    assert.deepEqual([entered.status, entered.headers.location], [303, './'])
    assert.match(cookie, /HttpOnly; SameSite=Lax$/)
    assert.ok(!cookie.includes(token) && !cookie.includes(encodeURIComponent(token)))
    const headers = { cookie: `other=1; ${cookie.split(';')[0]}` }
    assert.equal((await ask(`${url}/api/session`, { headers })).body.role, 'administer')
    assert.equal((await ask(`${url}/api/session`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
    assert.equal((await ask(`${url}/api/session`, { headers: { cookie: `${cookie.split('=')[0]}=x` } })).status, 401)
  })

  const inverted = (text) => text.replace(/[a-z]/g, (letter) => (letter === 'z' ? 'a' : 'z'))

  it('that is wrong opens nothing, also where it is as long as the right one', async (t) => {
    const { env, url } = await boardFor(t, { token })
    await env.client.start('order', { runId: 'victim' })
    await env.settle()
    const [cookie] = (await raw(url, `/?token=${encodeURIComponent(token)}`)).headers['set-cookie']
    const [name, value] = cookie.split(';')[0].split('=')
    const wrong = [
      { authorization: `Bearer ${inverted(token)}` },
      { authorization: `Bearer ${token.slice(0, -1)}` },
      { authorization: `Bearer ${token}x` },
      { authorization: token },
      { authorization: `Basic ${token}` },
      { cookie: `${name}=${inverted(value)}` },
      { cookie: `${name}=${token}` },
    ]
    for (const headers of wrong) {
      const said = JSON.stringify(headers)
      for (const path of ['/', '/api/session', '/api/runs', '/api/live?call=runs', '/api/live?call=run&id=victim']) {
        const { status, body } = await ask(url + path, { headers })
        assert.equal(status, 401, `${path} ${said}`)
        assert.doesNotMatch(JSON.stringify(body), /victim|horse/)
      }
      const cancel = await ask(`${url}/api/run/cancel`, { ...CANCEL, headers: { ...WRITE, ...headers } })
      assert.deepEqual([cancel.status, cancel.body.error.code], [401, 'NOT_AUTHORIZED'], said)
    }
    assert.equal((await ask(`${url}/?token=${encodeURIComponent(inverted(token))}`)).status, 401)
    assert.equal((await env.client.run('victim').describe()).status, 'awaiting')
  })

  it('opens a stream, with a header as with its cookie', async (t) => {
    const { env, url } = await boardFor(t, { token })
    await env.client.start('order', { runId: 'order-1' })
    await env.settle()
    const [cookie] = (await raw(url, `/?token=${encodeURIComponent(token)}`)).headers['set-cookie']
    for (const headers of [{ authorization: `Bearer ${token}` }, { cookie: cookie.split(';')[0] }]) {
      const response = await fetch(`${url}/api/live?call=run&id=order-1`, { headers })
      assert.deepEqual(
        [response.status, response.headers.get('content-type')],
        [200, 'text/event-stream; charset=utf-8'],
      )
      let text = ''
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        text += chunk
        if (text.includes('event: state')) break
      }
      assert.match(text, /event: state\ndata: .*"runId":"order-1"/)
    }
  })

  it('is Secure behind HTTPS', async (t) => {
    const { url } = await boardFor(t, { token })
    const headers = { 'x-forwarded-proto': 'https' }
    const { headers: answer } = await raw(url, `/?token=${encodeURIComponent(token)}`, { headers })
    assert.match(answer['set-cookie'][0], /; Secure$/)
  })

  it('that is short is refused', async (t) => {
    const { env } = await boardFor(t)
    assert.throws(() => dashboardHandler({ client: env.client, token: 'short' }), {
      code: 'INVALID_OPTION',
      option: 'token',
    })
    assert.throws(() => dashboardHandler({ client: {} }), { code: 'INVALID_OPTION', option: 'client' })
    assert.throws(() => dashboardHandler({ client: env.client, basePath: '//evil' }), { option: 'basePath' })
  })
})

describe('bodies', () => {
  for (const [name, body, code] of [
    ['that are too large', JSON.stringify({ id: 'x'.repeat(5_000) }), 'BODY_TOO_LARGE'],
    ['that never end', `{"id":"${'x'.repeat(400_000)}`, 'BODY_TOO_LARGE'],
    ['that are no JSON', '{"id":', 'BODY_INVALID'],
    ['that are no object', '["victim"]', 'BODY_INVALID'],
    ['that are nothing', 'null', 'BODY_INVALID'],
    ['whose id is none', '{"id":{"toString":1}}', 'INVALID_ARGUMENT'],
    ['without an id', '{}', 'INVALID_ARGUMENT'],
    ['whose id is a prototype', '{"__proto__":{"id":"victim"}}', 'INVALID_ARGUMENT'],
  ]) {
    it(`${name} are refused`, async (t) => {
      const { env, url } = await boardFor(t, { maxBodyBytes: 1_000 })
      await env.client.start('order', { runId: 'victim' })
      await env.settle()
      const headers = { host: 'localhost', ...WRITE }
      const answer = await raw(url, '/api/run/cancel', { method: 'POST', headers, body }).catch((error) => error)
      // Whoever sends without end is hung up on.
      if (!(answer instanceof Error)) assert.equal(JSON.parse(answer.body).error.code, code)
      assert.equal((await env.client.run('victim').describe()).status, 'awaiting')
    })
  }
})
