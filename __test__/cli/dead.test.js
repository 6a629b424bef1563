// Dead letters by the command line.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf } from './support/cli.js'

let servers
let run
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
})
after(() => servers?.close({ queues: [...servers.queues].map((queue) => `${queue}.dead`) }))

const found = async (more = '') => JSON.parse((await run(`dead list -o json ${more}`.trim())).stdout)

describe('dead letters', onServers('the command line is a process of its own'), () => {
  it('are listed, shown, put back and removed', async (t) => {
    await servers.workerFor(t, Object.values(flows), { blueprintTimeout: 0 })
    const none = await run('dead list')
    assert.deepEqual([none.code, none.stdout], [0, ''])
    assert.match(none.stderr, /There are no dead letters in .*\.dead\./)

    const runId = servers.runId()
    await servers.insert(runId, '{}')
    await servers.send('no job \u001b[31m')
    await until(async () => (await found()).length === 1)
    await servers.send({ runId, blueprintId: 'nobody', nodeId: 'a' })
    await until(async () => (await found()).length === 2)

    const [first, second] = await found()
    assert.deepEqual([first.body, first.job, first.queue], ['no job \u001b[31m', undefined, servers.queue])
    assert.deepEqual(second.job, { runId, blueprintId: 'nobody', nodeId: 'a' })
    assert.deepEqual(
      (await found(`--run ${runId}`)).map(({ id }) => id),
      [second.id],
    )
    assert.deepEqual(
      (await found('--blueprint nobody')).map(({ id }) => id),
      [second.id],
    )
    assert.deepEqual(
      (await found('--limit 1')).map(({ id }) => id),
      [first.id],
    )
    const table = await run('dead list')
    assert.match(table.stdout, /^ID +SINCE +QUEUE +RUN +NODE +REASON\n/)
    const shown = await run(`dead show ${first.id}`)
    assert.deepEqual([shown.code, shown.stdout.includes('\u001b')], [0, false])
    assert.match(shown.stdout, /"no job \\u001b\[31m"/)
    assert.match((await run(`dead show ${second.id}`)).stdout, /"nodeId": "a"/)
    assert.equal((await run.json(`dead show ${second.id}`)).id, second.id)

    for (const line of ['dead show nothing', 'dead replay nothing', 'dead purge nothing --yes']) {
      const { code, stderr } = await run(line)
      assert.equal(code, 1, line)
      assert.match(stderr, /There is no dead letter nothing\n→ .*dead list/)
    }

    // Nobody has it still: it comes back, as another letter.
    const replayed = await run(`dead replay ${second.id}`)
    assert.deepEqual([replayed.code, replayed.stdout], [0, '1 dead letter put back\n'], replayed.stderr)
    await until(async () => (await found(`--run ${runId}`)).some(({ id }) => id !== second.id))

    const refused = await run(`dead purge ${first.id}`)
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, new RegExp(`Remove for good: 1 dead letter\n {2}${first.id}`))
    assert.equal((await found()).length, 2)
    const purged = await run(`dead purge ${first.id} --yes`)
    assert.deepEqual([purged.code, purged.stdout], [0, '1 dead letter removed\n'], purged.stderr)
    assert.deepEqual(
      (await found()).map(({ job }) => job?.runId),
      [runId],
    )
    assert.equal((await run('dead replay --all')).code, 4)
    assert.deepEqual(await run.json('dead purge --all --yes'), { count: 1 })
    assert.deepEqual(await run.json('dead purge --all --yes'), { count: 0 })
    assert.deepEqual(await found(), [])
  })

  it('that ended a run let it go on when they are put back', async (t) => {
    await servers.freshQueue()
    const runId = servers.runId()
    const nobody = servers.adapter([], { blueprintTimeout: 0 })
    await servers.insert(runId, '{}')
    await servers.send({ runId, blueprintId: 'single', nodeId: 'only' })
    await until(async () => (await found()).length === 1)
    await nobody.stop()
    const worker = servers.adapter(flows.single)
    t.after(() => worker.stop())
    assert.equal((await run('dead replay --blueprint single --yes')).code, 0)
    assert.equal((await servers.settled(runId, ['completed'])).status, 'completed')
  })
})
