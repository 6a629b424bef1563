// Long work says on a terminal how far it is, and nowhere else.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { clientFor } from '../client/support/clients.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf, FLOWS } from './support/cli.js'
import { ON_A_TERMINAL, terminalCommand } from './support/terminal.js'

let servers
let run
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
})
after(() => servers?.close({ queues: [...servers.queues].map((queue) => `${queue}.dead`) }))

const where = () => ['--contexts', servers.contextTable, '--statuses', servers.statusTable, '--queue', servers.queue]
const onTerminal = (line) => terminalCommand([...line.split(' '), ...where()])

/** More than one step's. */
const MANY = 120

async function started(t) {
  const client = clientFor(t, servers, Object.values(flows))
  const prefix = `${servers.runId()}-`
  const ids = Array.from({ length: MANY }, (_, at) => ({ runId: `${prefix}${at}` }))
  await client.startMany('single', ids)
  return prefix
}

/** As many dead letters, and nobody who would work what is put back. */
async function letters() {
  await servers.freshQueue()
  const worker = servers.adapter(Object.values(flows))
  await servers.sendMany(Array.from({ length: MANY }, (_, at) => `no job ${at}`))
  const dead = `${servers.queue}.dead`
  const waiting = async () => (await servers.waiting()) === 0 && (await servers.waiting(dead)) === MANY
  await until(() => waiting().catch(() => false), { what: 'the dead letters' })
  await worker.stop()
}

describe('how far long work is', ON_A_TERMINAL, () => {
  before(() => servers.freshQueue())

  it('is shown while runs are removed', async (t) => {
    const prefix = await started(t)
    await run(`runs cancel --prefix ${prefix} --yes`)
    const { code, printed } = await onTerminal('runs purge --status cancelled --older-than 0s --yes')
    assert.equal(code, 0, printed)
    assert.match(printed, /█+░+ {2}\d+ of 120 runs removed/)
    assert.match(printed, /120 runs removed\r?\n$/)
    assert.deepEqual(await run.json(`runs list --prefix ${prefix}`), [])
  })

  it('is shown while dead letters are put back', async () => {
    await letters()
    const { code, printed } = await onTerminal('dead replay --all --yes')
    assert.equal(code, 0, printed)
    assert.match(printed, /█+░+ {2}\d+ of 120 dead letters put back/)
    assert.equal(await servers.waiting(), MANY)
    assert.equal(await servers.waiting(`${servers.queue}.dead`), 0)
  })

  it('is shown while dead letters are removed', async () => {
    await letters()
    const { code, printed } = await onTerminal('dead purge --all --yes')
    assert.equal(code, 0, printed)
    assert.match(printed, /█+░+ {2}\d+ of 120 dead letters removed/)
    assert.equal(await servers.waiting(`${servers.queue}.dead`), 0)
  })

  it('is shown while stale runs are looked at', async (t) => {
    await servers.freshQueue()
    await started(t)
    await servers.channel.purgeQueue(servers.queue)
    const { code, printed } = await onTerminal(`reconcile --blueprints ${FLOWS} --stale 0s`)
    assert.equal(code, 0, printed)
    assert.match(printed, /\d+ stale runs looked at so far/)
    assert.ok((await servers.waiting()) >= MANY)
  })

  it('is not said where standard error is no terminal', async () => {
    await letters()
    const { stdout, stderr } = await run('dead purge --all --yes')
    assert.doesNotMatch(stdout + stderr, /█|░| of 120/)
    assert.equal(stdout, '120 dead letters removed\n')
  })
})
