// What nobody holds any more is freed: adapters that are neither started nor asked for anything, with their connections.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PostgresContext, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { onServers, sharedServersFor, until, urls } from '../fixtures/shared-servers.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const flow = createFlow('quick').node('only', async () => ({ output: 1 }))
const needsServers = onServers('connections')

/** Waits until nothing of these is left. */
function freed(references) {
  const left = () => references.filter((reference) => reference.deref() !== undefined).length
  return until(
    () => {
      collectGarbage()
      return left() === 0
    },
    { what: 'everything to be freed' },
  )
}

/** Makes some of them, in a call of its own: nothing of it stays on the stack. */
async function several(make) {
  const references = []
  for (let number = 0; number < 5; number++) references.push(new WeakRef(await make(number)))
  await sleep(0)
  return references
}

describe('an adapter that is dropped', () => {
  const lives = {
    'before it was used': () => {},
    'after one call': async (adapter) => {
      await adapter.resumeWithAction('nobody', 'go').catch(() => {})
    },
    'after start and stop': async (adapter) => {
      adapter.start()
      await adapter.stop()
    },
  }
  for (const [title, live] of Object.entries(lives)) {
    it(`${title} is freed`, async (t) => {
      const servers = await sharedServersFor(t)
      const references = await several(async () => {
        const adapter = new RabbitMqAdapter(servers.options(flow))
        await live(adapter)
        return adapter
      })
      await freed(references)
    })
  }

  it('on a live amqplib connection is freed, and leaves no listener behind', needsServers, async (t) => {
    const servers = await sharedServersFor(t)
    const listeners = () => ['close', 'error'].map((event) => servers.amqp.listenerCount(event))
    const once = new RabbitMqAdapter(servers.options(flow, { amqpConnection: servers.amqp }))
    const before = listeners()
    const references = await several(async () => {
      const adapter = new RabbitMqAdapter(servers.options(flow, { amqpConnection: servers.amqp }))
      adapter.start()
      await servers.run(flow)
      await adapter.stop()
      return adapter
    })
    assert.deepEqual(listeners(), before)
    await freed(references)
    assert.ok(once)
  })

  it('without a stop has its connections closed', needsServers, async (t) => {
    const servers = await sharedServersFor(t)
    const application = `${servers.name}_dropped`
    const references = await several(async () => {
      const pgClient = { connectionString: urls.direct, application_name: application }
      const adapter = new RabbitMqAdapter(servers.options(flow, { pgClient }))
      await adapter.resumeWithAction('nobody', 'go').catch(() => {})
      return adapter
    })
    assert.equal(await sessions(servers, application), 5)
    await freed(references)
    await until(async () => (await sessions(servers, application)) === 0)
  })

  it('is not freed while it works, or waits for an answer', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.insert('asked', '{}')
    await servers.insertStatus('asked')
    // The run's blueprint is asked for after the store has answered: by then the garbage was collected many times.
    const redis = new RedisCoordinationStore(urls.redis)
    const store = {
      increment: (...given) => redis.increment(...given),
      setIfNotExist: (...given) => redis.setIfNotExist(...given),
      extendTTL: (...given) => redis.extendTTL(...given),
      delete: (...given) => redis.delete(...given),
      get: async (key) => {
        for (let time = 0; time < 10; time++) {
          collectGarbage()
          await sleep(5)
        }
        return key === 'flowcraft:blueprint:asked' ? 'quick' : redis.get(key)
      },
    }
    const asked = () => new RabbitMqAdapter(servers.options(flow, { coordinationStore: store })).reconcile('asked')
    assert.deepEqual(await asked(), new Set(['only']))
    const started = (() => {
      const adapter = new RabbitMqAdapter(servers.options(flow))
      adapter.start()
      return new WeakRef(adapter)
    })()
    const runId = await servers.begin(flow)
    for (let time = 0; time < 10; time++) {
      collectGarbage()
      await sleep(5)
    }
    assert.equal((await servers.settled(runId)).status, 'completed')
    await started.deref().stop()
  })
})

async function sessions(servers, application) {
  const counted = 'SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = $1'
  const { rows } = await servers.pg.query(counted, [application])
  return rows[0].open
}

describe('contexts', () => {
  it('made from equal descriptions share a pool', needsServers, async (t) => {
    const servers = await sharedServersFor(t)
    const application = `${servers.name}_equal`
    const context = (number, more) => {
      const client = { connectionString: urls.direct, application_name: application, ...more }
      return new PostgresContext(`run-${number}`, { client, tableName: servers.contextTable })
    }
    const contexts = Array.from({ length: 20 }, (_, number) => context(number))
    for (const each of contexts) assert.equal(await each.get('key'), undefined)
    assert.equal(await sessions(servers, application), 1)
    const other = context(21, { max: 1 })
    assert.equal(await other.get('key'), undefined)
    assert.equal(await sessions(servers, application), 2, 'another description has another pool')
    collectGarbage()
    assert.equal(await context(22).get('key'), undefined)
    assert.equal(await sessions(servers, application), 2, 'for as long as one of them is held')
    assert.ok(contexts.concat(other).every(({ type }) => type === 'async'))
  })

  it('with different functions for the password do not', needsServers, async (t) => {
    const servers = await sharedServersFor(t)
    const application = `${servers.name}_asked`
    const { host, port, user, password, database } = servers.pg.options.connectionString
      ? new (await import('pg')).default.Client(urls.direct)
      : {}
    let asked = 0
    const counting = () => {
      asked += 1
      return password ?? ''
    }
    const context = (source) =>
      new PostgresContext('run', {
        client: { host, port, user, database, password: source, application_name: application },
        tableName: servers.contextTable,
      })
    const held = [context(counting), context(counting), context(() => counting())]
    for (const each of held) await each.get('key')
    assert.equal(asked, 2)
    assert.equal(await sessions(servers, application), 2)
  })

  it('and their pools are freed', needsServers, async (t) => {
    const servers = await sharedServersFor(t)
    const application = `${servers.name}_freed`
    const references = await several(async (number) => {
      const client = { connectionString: urls.direct, application_name: `${application}_${number}` }
      const context = new PostgresContext('run', { client, tableName: servers.contextTable })
      await context.get('key')
      return context
    })
    await freed(references)
    const open = async () => {
      const like = 'SELECT count(*)::int AS open FROM pg_stat_activity WHERE starts_with(application_name, $1)'
      return (await servers.pg.query(like, [application])).rows[0].open
    }
    await until(async () => (await open()) === 0)
  })
})
