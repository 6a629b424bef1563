// The history of a run by the command line, on real servers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf } from './support/cli.js'

describe('runs history', onServers('the command line is a process of its own'), () => {
  it('shows every attempt at the nodes of a run', async (t) => {
    const servers = await sharedServersFor(t)
    const run = cliOf(servers)
    assert.equal((await run('migrate down --yes')).code, 0)
    const id = servers.runId()
    const refused = await run(['runs', 'history', id])
    assert.deepEqual([refused.code, /migrate up/.test(refused.stderr)], [3, true], refused.stderr)
    assert.equal((await run('migrate up')).code, 0)
    servers.migrated = servers.contextTable
    await servers.workerFor(t, Object.values(flows), { history: true })
    await servers.begin(flows.failing, {}, { runId: id })
    await servers.settled(id, ['failed'])
    await until(async () => (await run.json(['runs', 'history', id])).length === 1)
    assert.equal((await run(['runs', 'retry', id])).code, 0)
    await servers.settled(id, ['completed'])
    await until(async () => (await run.json(['runs', 'history', id])).length === 2)
    const [paid, failed] = await run.json(['runs', 'history', id, '--node', 'pay'])
    assert.deepEqual([paid.outcome, paid.execution, paid.output], ['done', 2, 'paid'])
    assert.deepEqual([failed.outcome, failed.execution], ['failed', 1])
    assert.match(failed.error.message, /declined/)
    const { stdout } = await run(['runs', 'history', id])
    assert.match(stdout, /^ENDED +NODE +EXECUTION +OUTCOME +TOOK +INPUT +OUTPUT OR ERROR$/m)
    assert.match(stdout, /^20\S+ \S+ +pay +2 +done +\d+ ms +"paid"$/m)
    assert.ok(!stdout.includes('\u001b[31m') && !/^FAKE LINE/m.test(stdout), stdout)
    assert.equal((await run.json(['runs', 'history', id, '--limit', '1'])).length, 1)
    const none = await run('runs history nowhere')
    assert.deepEqual([none.code, /Nothing is kept of it/.test(none.stderr)], [0, true])
  })
})
