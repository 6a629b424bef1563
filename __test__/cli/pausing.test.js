// Pausing by the command line, on real servers: queues, blueprints, runs; and what tells of it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onServers, sharedServersFor, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf } from './support/cli.js'

describe('pausing', onServers('the command line is a process of its own'), () => {
  it('a queue, a blueprint and runs are paused, shown, and go on', async (t) => {
    const servers = await sharedServersFor(t)
    const early = cliOf(servers)
    assert.equal((await early('migrate down --yes')).code, 0)
    const refused = await early('pause --of-queue mails')
    assert.deepEqual([refused.code, /migrate up/.test(refused.stderr)], [3, true], refused.stderr)
    assert.equal((await early('migrate up')).code, 0)
    servers.migrated = servers.contextTable
    await servers.workerFor(t, Object.values(flows))
    const run = cliOf(servers)
    for (const wrong of ['', '--of-queue a --blueprint b']) {
      assert.equal((await run(`pause ${wrong}`.trim())).code, 2, wrong)
    }

    const paused = await run(['pause', '--of-queue', servers.queue, '--reason', 'the \u001b[31mprovider is down'])
    assert.deepEqual([paused.code, /is paused: workers heed it/.test(paused.stderr)], [0, true], paused.stderr)
    assert.doesNotMatch(paused.stderr, /is the name right/)
    assert.match((await run('pause --blueprint nowhere')).stderr, /No registered worker works it: is the name right/)
    const listed = await run('paused')
    assert.match(listed.stdout, /^blueprint +nowhere /m)
    assert.match(listed.stdout, new RegExp(`^queue +${servers.queue} .*provider is down`, 'm'))
    assert.ok(!listed.stdout.includes('\u001b[31m'))
    assert.deepEqual(
      (await run.json('paused')).map(({ queue, blueprintId }) => queue ?? blueprintId),
      ['nowhere', servers.queue],
    )
    await until(async () => (await run.json('queues'))[0].consumers === 0, { timeout: 30_000 })
    const { stdout: doctor } = await run('doctor')
    assert.match(doctor, new RegExp(`queue '${servers.queue}' has been paused for .*provider is down`))
    assert.match(doctor, new RegExp(`unpause --of-queue ${servers.queue}`))
    assert.doesNotMatch(doctor, /nobody consumes the queue/)
    assert.match((await run(['unpause', '--of-queue', servers.queue])).stderr, /goes on/)
    assert.match((await run(['unpause', '--of-queue', servers.queue])).stderr, /was not paused/)
    assert.equal((await run('unpause --blueprint nowhere')).code, 0)
    assert.match((await run('paused')).stderr, /No queue and no blueprint is paused/)

    const id = await servers.begin(flows.order)
    await servers.settled(id, ['awaiting'])
    const held = await run(['runs', 'pause', id, '--reason', 'disputed'])
    assert.deepEqual([held.code, /1 of 1 run paused/.test(held.stderr)], [0, true], held.stderr)
    assert.match((await run(['runs', 'pause', id])).stdout, /it was paused already/)
    assert.match(
      (await run(['runs', 'show', id])).stdout,
      /^paused +since .*\(disputed\); runs unpause lets it go on$/m,
    )
    assert.equal((await run('runs unpause --blueprint order --yes')).code, 0)
    assert.doesNotMatch((await run(['runs', 'show', id])).stdout, /^paused/m)
    assert.equal((await run(['runs', 'pause', 'nowhere'])).code, 1)
  })
})
