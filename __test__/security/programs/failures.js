// Fails the connections to one kind of server in every way, and prints all there is to see of it: what is thrown,
// logged, told to the event bus, and what the objects look like. Whoever runs it looks for the password in its output.
import { inspect } from 'node:util'
import { PostgresContext, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { descriptions, encrypted, mistakes } from '../support/descriptions.js'
import { hostileServers } from '../support/hostile-servers.js'

const [, , kind, queueName] = process.argv
const { AMQP_URL, DATABASE_URL, REDIS_URL } = process.env
const real = { amqp: new URL(AMQP_URL), database: new URL(DATABASE_URL), redis: new URL(REDIS_URL) }

const everything = { depth: Infinity, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity }
const print = (...what) => console.log(...what)
const logger = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [
    level,
    (...line) => print(`logged ${level}:`, inspect(line, everything)),
  ]),
)
const eventBus = { emit: async (event) => print('event:', inspect(event, everything)) }

/** An adapter whose servers are all out of reach, but for what is given. */
function adapter(given) {
  return new RabbitMqAdapter({
    runtimeOptions: {
      blueprints: { one: { id: 'one', nodes: [{ id: 'a', uses: 'a' }], edges: [] } },
      registry: { a: async () => ({ output: 1 }) },
      logger,
    },
    eventBus,
    amqpConnection: 'amqp://127.0.0.1:1',
    pgClient: 'postgres://127.0.0.1:1',
    coordinationStore: new RedisCoordinationStore('redis://127.0.0.1:1'),
    contextTableName: 'contexts',
    statusTableName: 'statuses',
    queueName,
    ...given,
  })
}

const option = {
  amqp: (description) => ({ amqpConnection: description }),
  database: (description) => ({ pgClient: description }),
  redis: (description) => ({ coordinationStore: new RedisCoordinationStore(description) }),
}
const use = {
  amqp: (made) => made.enqueueJob({ runId: 'r', blueprintId: 'one', nodeId: 'a' }),
  database: (made) => made.createContext('r').get('a'),
  redis: (made) => made.store.get('key'),
}

/** One attempt: made, looked at, used. */
async function attempt(kind, name, describe) {
  // On both streams, so that whatever follows can be told apart.
  process.stderr.write(`=== ${kind}: ${name}\n`)
  process.stdout.write(`=== ${kind}: ${name}\n`)
  try {
    const made = adapter(option[kind](describe()))
    print(inspect(made, everything), inspect(made), String(made))
    try {
      print(JSON.stringify(made))
    } catch (error) {
      show(error)
    }
    await use[kind](made)
    print('SUCCEEDED')
  } catch (error) {
    show(error)
  }
}

function show(error) {
  print(inspect(error, everything), error?.message, error?.stack, inspect(error?.cause, everything))
}

/** A started worker says in its own words what fails. */
async function work(kind, name, description) {
  process.stderr.write(`=== ${kind}: a worker; ${name}\n`)
  process.stdout.write(`=== ${kind}: a worker; ${name}\n`)
  let said = 0
  const counted = (level) => (line) => {
    said += 1
    logger[level](line)
  }
  const told = { ...logger, warn: counted('warn'), error: counted('error') }
  const runtimeOptions = { blueprints: {}, registry: {}, logger: told }
  const amqpConnection = kind === 'amqp' ? description : AMQP_URL
  const made = adapter({ runtimeOptions, amqpConnection, stopTimeout: 20, ...option[kind](description) })
  if (kind !== 'amqp') await made.enqueueJob({ runId: `r-${name}`, blueprintId: 'one', nodeId: 'a' })
  made.start()
  while (said === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await made.stop()
}

const hostile = await hostileServers(kind)
const nobody = hostile['has a certificate of nobody']
for (const [way, describe] of Object.entries(descriptions[kind])) {
  for (const [behaviour, port] of Object.entries(hostile)) {
    await attempt(kind, `by ${way}, a server that ${behaviour}`, () => describe('127.0.0.1', port))
  }
  await attempt(kind, `by ${way}, a port nobody listens on`, () => describe('127.0.0.1', 1))
  await attempt(kind, `by ${way}, a host nobody knows`, () => describe('nowhere.invalid', 1))
  const { hostname, port } = real[kind]
  await attempt(kind, `by ${way}, the real server`, () => describe(hostname, port, kind === 'redis' ? 99 : 'missing'))
}
await attempt(kind, 'over TLS, a certificate of nobody', () => encrypted[kind](nobody))
for (const [mistake, describe] of Object.entries(mistakes[kind])) await attempt(kind, mistake, describe)

const [way, describe] = Object.entries(descriptions[kind])[0]
const worst = 'repeats the login in its refusal'
await work(kind, `by ${way}, a server that ${worst}`, describe('127.0.0.1', hostile[worst]))
await work(kind, `by ${way}, a port nobody listens on`, describe('127.0.0.1', 1))
print(inspect(new PostgresContext('r', { client: descriptions.database['a URL']('h', 1), tableName: 't' }), everything))
process.stdout.write('=== the end\n', () => process.exit(0))
