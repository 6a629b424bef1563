// Queues, workers, reconciliation and migrations by the command line.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { clientFor } from '../client/support/clients.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, openSharedServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'
import { limited, workersFor } from '../limits/support.js'
import { flows } from './programs/flows.js'
import { cliOf, FLOWS, start, WORKER } from './support/cli.js'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))

let servers
let run
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
})
after(() => servers?.close())

const settings = () => ({
  amqpConnection: urls.amqp,
  pgClient: urls.direct,
  redis: urls.redis,
  contextTableName: servers.contextTable,
  statusTableName: servers.statusTable,
  queueName: servers.queue,
  concurrency: 7,
})

describe('a fleet', onServers('the command line is a process of its own'), () => {
  it('is started from a module, seen, and stopped by a signal', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, Object.values(flows))
    await client.startMany('single', [{}, {}, {}])
    const [before] = await run.json('queues')
    assert.deepEqual([before.waiting, before.consumers, before.running, before.oldestMs >= 0], [3, 0, 3, true])

    const worker = start(['worker', WORKER], { env: { SETTINGS: JSON.stringify(settings()) } })
    t.after(() => worker.child.kill('SIGKILL'))
    await until(() => worker.printed.stderr.includes('1 worker started'))
    const mine = async () => (await run.json('workers')).filter(({ queues }) => queues.includes(servers.queue))
    const [seen] = await until(async () => {
      const all = await mine()
      return all.length > 0 && all
    })
    assert.deepEqual([seen.pid, seen.slots, seen.version], [worker.child.pid, 7, version])
    assert.deepEqual(Object.keys(seen.blueprints).sort(), Object.keys(flows).sort())
    assert.match((await run('workers')).stdout, /^WORKER +VERSION +SLOTS +UP +HEARD +QUEUES +BLUEPRINTS\n/)
    const empty = await until(async () => {
      const [queue] = await run.json('queues')
      return queue.running === 0 && queue
    })
    assert.deepEqual([empty.waiting, empty.consumers, empty.exists], [0, 1, true])
    assert.match((await run('queues')).stdout, /^QUEUE +WAITING +CONSUMERS +DEAD +RUNNING RUNS/)

    worker.child.kill('SIGTERM')
    const { code, stderr } = await worker.done
    assert.equal(code, 0, stderr)
    assert.match(stderr, /SIGTERM: no new job starts.*Stopped\.\n$/s)
    await until(async () => (await mine()).length === 0)
  })

  it('finishes what it has in hand at Ctrl-C, however long that takes', async (t) => {
    await servers.freshQueue()
    const worker = start(['worker', WORKER], { env: { SETTINGS: JSON.stringify(settings()) } })
    t.after(() => worker.child.kill('SIGKILL'))
    await until(() => worker.printed.stderr.includes('1 worker started'))
    const client = clientFor(t, servers, Object.values(flows))
    const { runId } = await client.start('slow')
    await until(async () => (await servers.waiting()) === 0)
    worker.child.kill('SIGINT')
    const { code, stderr } = await worker.done
    assert.equal(code, 130, stderr)
    assert.match(stderr, /Stopped\.\n$/)
    assert.equal((await client.run(runId).describe()).status, 'completed')
  })

  it('shows what of its limits is in use, and who waits', async (t) => {
    const limit = `${servers.name}-cli`
    const { promise, resolve } = deferred()
    t.after(resolve)
    const flow = limited('calls', limit, () => promise)
    await workersFor(t, servers, flow, { limits: { [limit]: { concurrency: 1 } } }, 1)
    await clientFor(t, servers, flow).startMany('calls', [{}, {}])
    const own = async () => (await run.json('limits')).find(({ key }) => key === limit)
    await until(async () => (await own())?.waiting === 1)
    assert.deepEqual(await own(), { key: limit, inUse: 1, concurrency: 1, waiting: 1 })
    assert.match(
      (await run('limits')).stdout,
      new RegExp(`^LIMIT +IN USE +STARTED +WAITING.*^${limit} +1 of 1 +– +1$`, 'ms'),
    )
    const without = await run('limits', { env: { REDIS_URL: '' } })
    assert.deepEqual([without.code, /The address of Redis is not set/.test(without.stderr)], [2, true])
  })

  it('that is not there is said', async () => {
    const nowhere = cliOf({ ...servers, queue: `${servers.queue}-none` })
    assert.match((await nowhere('queues')).stdout, /no such queue/)
    const without = await run('workers', { env: { REDIS_URL: '' } })
    assert.match(without.stderr, /The address of Redis is not set/)
  })

  it('gets what is due of runs that nobody works', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, Object.values(flows))
    await client.startMany('single', [{}, {}])
    await servers.channel.purgeQueue(servers.queue)
    const early = await run.json(['reconcile', '--blueprints', FLOWS])
    assert.deepEqual([early[0].stalled, early[0].failed], [0, 0])
    const going = run.start(['reconcile', '--blueprints', FLOWS, '--stale', '0s', '--every', '200ms', '-o', 'jsonl'])
    await until(() => going.printed.stdout.split('\n').length > 3)
    going.child.kill('SIGINT')
    const { code, stdout } = await going.done
    assert.equal(code, 130)
    assert.equal(JSON.parse(stdout.split('\n')[0]).reconciled, 2)
    assert.ok((await servers.waiting()) >= 2)
  })
})

describe('migrations', onServers('PostgreSQL has tables'), () => {
  it('are shown, made, and taken away', async (t) => {
    const own = await sharedServersFor(t)
    const run = cliOf(own)
    await run('migrate down --yes')
    const before = await run.json('migrate status')
    assert.deepEqual([before.length >= 5, before.some(({ done }) => done)], [true, false])
    const dry = await run('migrate up --dry-run --show-sql')
    assert.match(dry.stdout, /-- step 1\n.*CREATE TABLE IF NOT EXISTS.*;\n/s)
    assert.match(dry.stderr, /11 steps would be taken\./)
    assert.deepEqual(await run.json('migrate status'), before)
    const two = await run.json('migrate up --to 2')
    assert.deepEqual(
      two.map(({ step }) => step),
      [1, 2],
    )
    assert.match((await run('migrate status')).stderr, /migrate up makes what is missing/)
    const all = await run('migrate up')
    assert.deepEqual([all.code, /3 {2}compression/.test(all.stdout)], [0, true])
    const nothing = await run('migrate up')
    assert.deepEqual([nothing.code, nothing.stdout, nothing.stderr], [0, '', 'Nothing to do.\n'])
    const refused = await run('migrate down --to 2')
    assert.equal(refused.code, 4)
    assert.match(
      refused.stderr,
      /Take away steps 11 \(finding\), 10 \(throughput\), 9 \(history\), 8 \(paused\), 7 \(tags\), 6 \(schedules\), 5 \(forgetting\), 4 \(workers\), 3 \(compression\)\?/,
    )
    assert.equal(
      (await run.json('migrate status')).every(({ done }) => done),
      true,
    )
    const down = await run('migrate down --yes')
    assert.equal(down.code, 0, down.stderr)
    assert.match((await run('migrate status')).stdout, /^STEP +NAME +DONE +SINCE\n +1 +journal +no\n/)
  })
})
