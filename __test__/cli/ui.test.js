// `ui` serves the dashboard as a process.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { cliOf } from './support/cli.js'

describe('ui', onServers('a process has no part in the memory of this one'), () => {
  let servers
  before(async () => {
    servers = await openSharedServers()
  })
  after(() => servers.close())

  /** Starts it on any free port; its address, once it says it. */
  async function opened(t, line, options) {
    const ui = cliOf(servers).start(`ui --port 0${line}`, options)
    t.after(() => ui.child.kill('SIGKILL'))
    await until(() => ui.printed.stdout.includes('\n') || ui.child.exitCode !== null)
    assert.match(ui.printed.stdout, /^http:/, ui.printed.stderr)
    return { ...ui, url: new URL(ui.printed.stdout.trim()) }
  }

  it('serves this machine without a password until SIGTERM', async (t) => {
    const { child, done, url } = await opened(t, '')
    const { queues, role } = await (await fetch(new URL('api/session', url))).json()
    assert.deepEqual([queues, role], [[servers.queue], 'administer'])
    assert.equal((await fetch(new URL('api/runs', url))).status, 200)
    assert.match(await (await fetch(url)).text(), /<div id="root">/)
    child.kill('SIGTERM')
    assert.equal((await done).code, 0)
  })

  it('asks others for the token that it prints, and refuses actions where it is told to', async (t) => {
    const { url } = await opened(t, ' --host 0.0.0.0 --read-only')
    const token = url.searchParams.get('token')
    assert.ok(token.length >= 32)
    url.hostname = '127.0.0.1'
    const session = new URL('api/session', url)
    assert.equal((await fetch(session)).status, 401)
    const answer = await fetch(session, { headers: { authorization: `Bearer ${token}` } })
    assert.equal((await answer.json()).readOnly, true)
  })

  it('takes no token that could be guessed', async () => {
    const { code, stderr } = await cliOf(servers)('ui --port 0 --token hunter2')
    assert.deepEqual([code, /16 characters/.test(stderr), stderr.includes('hunter2')], [2, true, false])
  })
})
