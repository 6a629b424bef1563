// The demo where there are no servers: it runs on memory, says so, and shows what it shows on servers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseServers } from '../../scripts/demo/choose-servers.js'
import { NoServersError } from '../../scripts/servers/no-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'

describe('npm run demo on memory', () => {
  it('fulfils every order on two workers, and says that nothing is durable', async (t) => {
    const env = { FLOWCRAFT_SERVERS: 'memory', CI: '1' }
    const demo = new WorkerProcess(new URL('../../scripts/demo.js', import.meta.url), { name: 'demo', env })
    t.after(() => demo.stop('SIGKILL'))
    const { code } = await demo.ended(60_000)
    assert.equal(code, 0, demo.printed)
    assert.match(demo.stdout, /runs on memory, in this one process, and nothing of it is durable\.\n/)
    assert.match(demo.stdout, /Started worker-1 \(thread \d+\) and worker-2 \(thread \d+\)\./)
    assert.match(demo.stdout, /48 orders in \d+\.\d s: \d+ shipped, \d+ refunded\n/)
    assert.match(demo.stdout, /worker-1 did \d+, worker-2 did \d+\./)
    assert.match(demo.stdout, /Order \d+, (shipped|refunded) \(/)
    assert.equal(demo.stderr, '')
  })
})

describe('the demo takes memory', () => {
  const choose = async (env, start) => {
    const lines = []
    const servers = await chooseServers({ log: (line) => lines.push(line), env, start })
    return { servers, lines }
  }
  const none = async () => {
    throw new NoServersError('No server found')
  }

  it('where no servers can be had, in one sentence', async () => {
    const { servers, lines } = await choose({}, none)
    assert.equal(servers, undefined)
    assert.deepEqual(lines, [
      'RabbitMQ, PostgreSQL and Redis cannot be had here: the demo runs on memory, in this one process, and nothing of it ' +
        'is durable.',
    ])
  })

  it('where it is asked for, and starts nothing then', async () => {
    const start = () => assert.fail('nothing is to be started')
    assert.equal((await choose({ FLOWCRAFT_SERVERS: 'memory' }, start)).servers, undefined)
  })

  it('not where servers can be had', async () => {
    assert.deepEqual(await choose({}, async () => 'servers'), { servers: 'servers', lines: [] })
  })

  it('not in place of a server that the environment names', async () => {
    await assert.rejects(choose({ AMQP_URL: 'amqp://there' }, none), NoServersError)
  })

  it('not in place of what is simply broken', async () => {
    const broken = async () => {
      throw new Error('a mistake')
    }
    await assert.rejects(choose({}, broken), /a mistake/)
  })
})
