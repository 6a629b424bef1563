// Rates of queues: from the management plugin of a RabbitMQ of this file's own, and what is said where it does not tell.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import amqplib from 'amqplib'
import { ownFolder, serverAccount, temporaryFolder } from '../../scripts/servers/account.js'
import { Cleanup } from '../../scripts/servers/cleanup.js'
import { findPrograms } from '../../scripts/servers/programs.js'
import { startRabbitmq } from '../../scripts/servers/rabbitmq.js'
import { onServers, until, urls } from '../fixtures/shared-servers.js'
import { cli } from './support/cli.js'

const { rabbitmq: programs } = findPrograms()
const OWN_NODE = programs
  ? onServers('the command line is a process of its own')
  : { skip: 'there is no RabbitMQ on this machine to enable a plugin of' }
const ON_SERVERS = onServers('the command line is a process of its own')

/** Asks for the queue `jobs`, at a RabbitMQ and perhaps its plugin. */
async function queues(amqp, { management, env = {}, args = [] } = {}) {
  const flag = management === undefined ? [] : ['--management-url', management]
  const ran = await cli(['queues', '--queue', 'jobs', ...flag, ...args], { env: { AMQP_URL: amqp, ...env } })
  assert.equal(ran.code, 0, ran.stderr)
  return ran
}
const rowOf = ({ stdout }) => JSON.parse(stdout)[0]

describe('rates from the management plugin', OWN_NODE, () => {
  const account = serverAccount()
  const folder = temporaryFolder(account)
  const cleanup = new Cleanup(folder, {})
  let node
  let connection
  let busy = true
  let work
  before(async () => {
    node = await startRabbitmq({
      programs,
      folder: ownFolder(folder, 'rabbitmq', account),
      account,
      cleanup,
      withManagement: true,
    })
    await node.ctl('add_vhost', 'own/host')
    await node.ctl('set_permissions', '-p', 'own/host', 'guest', '.*', '.*', '.*')
    connection = await amqplib.connect(`${node.url}/own%2Fhost`)
    const channel = await connection.createChannel()
    await channel.assertQueue('jobs', { durable: true })
    await channel.prefetch(20)
    let held = 0
    // All but three are acknowledged.
    await channel.consume('jobs', (message) => {
      if (held < 3) held += 1
      else channel.ack(message)
    })
    work = (async () => {
      while (busy) {
        for (let i = 0; i < 5; i += 1) channel.sendToQueue('jobs', Buffer.from('{}'))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
  })
  after(async () => {
    busy = false
    await work
    await connection?.close()
    await cleanup.run()
  })

  const amqp = () => `${node.url}/own%2Fhost`

  it('are shown of a queue in any virtual host, from a flag or the environment', async () => {
    const row = await until(
      async () => {
        const found = rowOf(await queues(amqp(), { management: node.management, args: ['-o', 'json'] }))
        return found.acknowledgedPerSecond > 0 && found.held >= 3 && found
      },
      { what: 'the plugin to have rates' },
    )
    assert.equal(row.queue, 'jobs')
    assert.ok(row.publishedPerSecond > 0 && row.deliveredPerSecond > 0, JSON.stringify(row))
    const env = { RABBITMQ_MANAGEMENT_URL: node.management }
    assert.match(
      (await queues(amqp(), { env })).stdout,
      /IN\/S +OUT\/S +DONE\/S +HELD *\n.*\d\.\d +\d+\.\d +\d+\.\d +\d+/,
    )
  })

  it('are not asked for where nobody says where the plugin is', async () => {
    const { stdout } = await queues(amqp())
    assert.doesNotMatch(stdout, /IN\/S/)
    assert.equal('held' in rowOf(await queues(amqp(), { args: ['-o', 'json'] })), false)
  })

  it('leave the rest of the table where the login is refused, which nothing tells', async () => {
    const wrong = node.management.replace('guest:guest', 'guest:s3cret')
    const { stdout, stderr } = await queues(amqp(), { management: wrong })
    assert.match(
      stderr,
      /^There are no rates\. RabbitMQ's management plugin at http:\/\/127\.0\.0\.1:\d+ refuses the login.*\n$/m,
    )
    assert.match(stdout, /jobs +\d+ +1 +0 .*\? +\? +\? +\?/)
    assert.doesNotMatch(stdout + stderr, /s3cret|guest/)
  })
})

describe('a management plugin that does not tell', ON_SERVERS, () => {
  const said = async (management) => {
    const { stdout, stderr } = await queues(urls.amqp, { management })
    assert.doesNotMatch(stdout + stderr, /s3cret|monitor/)
    const [line, ...others] = stderr.split('\n').filter((each) => each.startsWith('There are no rates'))
    assert.deepEqual(others, [])
    return line
  }

  /** A server that answers everything alike. */
  async function answering(t, status, headers, body) {
    const server = createServer((_, response) => response.writeHead(status, headers).end(body)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    return `http://monitor:s3cret@127.0.0.1:${server.address().port}`
  }

  it('is named with the reason, in one line without its login', async (t) => {
    assert.match(await said('http://monitor:s3cret@127.0.0.1:1'), /at http:\/\/127\.0\.0\.1:1 cannot be reached: /)
    assert.match(await said(await answering(t, 500, {}, 'no')), /answers with 500$/)
    assert.match(await said(await answering(t, 200, {}, '<html>')), /does not answer as the management plugin does$/)
    const elsewhere = await answering(t, 302, { location: 'http://127.0.0.1:1/' })
    assert.match(await said(elsewhere), /cannot be reached: /)
  })

  it('is refused where it is no URL of HTTP, without being told', async () => {
    for (const given of ['ftp://monitor:s3cret@host', 's3cret']) {
      const { code, stderr } = await cli(['queues', '--management-url', given], { env: { AMQP_URL: urls.amqp } })
      assert.equal(code, 2)
      assert.match(stderr, /^--management-url takes a URL that begins with http:\/\/ or https:\/\//)
      assert.doesNotMatch(stderr, /s3cret/)
    }
  })
})
