// No credential in any error, log line or event, nor in what the engine and its libraries trace: every connection is
// failed in every way with a marked password, in a process of its own whose whole output is searched for it.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PostgresContext, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { PASSWORD, shapesIn } from './support/secret.js'

const program = new URL('./programs/failures.js', import.meta.url)
const BEGIN = '=== '
const SERVERS = { amqp: 'RabbitMQ', database: 'PostgreSQL', redis: 'Redis' }

const one = createFlow('one').node('a', async () => ({ output: 1 }))

let servers
/** What was printed, by kind of server: a list of attempts. */
let printed
before(async () => {
  servers = await openSharedServers()
  const kinds = Object.keys(SERVERS)
  const all = await Promise.all(kinds.map(failures))
  printed = Object.fromEntries(kinds.map((kind, index) => [kind, all[index]]))
})
after(() => servers.close())

/** Everything the program printed for one kind of server, by attempt and stream. */
async function failures(kind) {
  const child = new WorkerProcess(program, { name: kind, args: [kind, servers.queue], env: { FLOWCRAFT_LOG: 'trace' } })
  const { code } = await child.exited
  const { stdout, stderr } = child
  assert.equal(code, 0, stderr.slice(-2000))
  return Object.entries({ stdout, stderr }).flatMap(([stream, text]) =>
    text.split(/^(?==== )/m).map((part) => {
      const end = part.indexOf('\n')
      return { attempt: part.slice(BEGIN.length, end), stream, text: part.slice(end) }
    }),
  )
}

describe('the search', () => {
  it('finds the password in every shape', () => {
    const login = Buffer.from(`\0user\0${PASSWORD}`)
    for (const shape of [
      PASSWORD,
      encodeURIComponent(PASSWORD),
      JSON.stringify(PASSWORD),
      login.toString('base64'),
      login.subarray(1).toString('base64url'),
      login.subarray(2).toString('base64'),
      login.toString('hex').toUpperCase(),
      `[${[...login].join(', ')}]`,
    ]) {
      assert.notDeepEqual(shapesIn(`before ${shape} after`), [], shape)
    }
    assert.deepEqual(shapesIn('nothing of the kind'), [])
  })
})

for (const [kind, server] of Object.entries(SERVERS)) {
  describe(`a connection to ${server} that fails`, () => {
    const showing = (stream) =>
      printed[kind]
        .filter((part) => part.stream === stream)
        .flatMap(({ attempt, text }) => shapesIn(text).map((shape) => `${attempt}: ${shape}`))

    it('shows no password in what is thrown, logged, told or seen of the objects', () => {
      assert.deepEqual(showing('stdout'), [])
    })

    it('shows none in the trace, with everything traced', () => {
      assert.deepEqual(showing('stderr'), [])
    })

    it('did fail each time, and said how', () => {
      const parts = printed[kind]
      const attempts = parts.filter(({ stream, attempt }) => stream === 'stdout' && attempt.startsWith(kind))
      assert.ok(attempts.length > 60, `${attempts.length} attempts`)
      for (const { attempt, text } of attempts) {
        assert.doesNotMatch(text, /^SUCCEEDED$/m, attempt)
        assert.match(text, /Error|logged (warn|error)/, attempt)
      }
      assert.equal(parts.filter(({ attempt }) => attempt === 'the end').length, 1)
    })
  })
}

it('a password that is an ordinary word hides no other word', async () => {
  const ordinary = servers.name
  for (const describe of [
    () => new RedisCoordinationStore({ host: '127.0.0.1', port: 1, password: ordinary }),
    () => new PostgresContext('r', { client: `postgres://app:${ordinary}@127.0.0.1:1/db`, tableName: 't' }),
    () => servers.adapter(one, { started: false, amqpConnection: `amqp://app:${ordinary}@127.0.0.1:1` }),
  ]) {
    describe()
  }
  const missing = `${ordinary}.${ordinary}_contexts`
  const context = new PostgresContext(ordinary, { client: servers.database, tableName: missing })
  await assert.rejects(context.get('key'), (error) => {
    assert.ok(error.message.includes(`(run '${ordinary}')`) && error.message.includes(`'${missing}'`), error.message)
    return true
  })
})
