// What code written for the original relies on: the classes, their overrides, the options, the rows.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  createRabbitMqReconciler,
  PostgresContext,
  RabbitMqAdapter,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { BaseDistributedAdapter, createFlow, NullLogger } from 'flowcraft'
import { Redis } from 'ioredis'
import pg from 'pg'
import { openSharedServers, STATUS_TABLES, until, urls } from '../fixtures/shared-servers.js'

const flow = () =>
  createFlow('order')
    .node('a', async ({ context }) => ({ output: ((await context.get('start')) ?? 0) + 1 }))
    .node('b', async ({ input }) => ({ output: input + 1 }))
    .edge('a', 'b')

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('the class', () => {
  it('is a BaseDistributedAdapter, readable as one, and opens no connection when made', () => {
    const adapter = new RabbitMqAdapter(servers.options(flow(), { amqpConnection: 'amqp://nobody:pw@127.0.0.1:1' }))
    assert.ok(adapter instanceof BaseDistributedAdapter)
    assert.equal(adapter.queueName, servers.queue)
    assert.ok(adapter.runtime && adapter.store && adapter.logger && adapter.serializer)
    assert.equal(adapter.runtime.dependencies.adapter, adapter)
  })

  it('has the original’s default queue', () => {
    const { queueName: _, ...options } = servers.options(flow())
    assert.equal(new RabbitMqAdapter(options).queueName, 'flowcraft-queue')
  })

  it('calls a subclass’s overrides, and gives it createContext and enqueueJob', async () => {
    const seen = []
    class Mine extends RabbitMqAdapter {
      async onJobStart(runId, blueprintId, nodeId) {
        seen.push(['start', blueprintId, nodeId])
        assert.equal(await this.createContext(runId).get('start'), 5)
      }
      async publishFinalResult(runId, result) {
        seen.push([
          'result',
          result.status,
          result.payload?.context['_outputs.b'],
          JSON.parse(result.payload.serializedContext)['_outputs.b'],
        ])
        await super.publishFinalResult(runId, result)
      }
    }
    const { status, result } = await servers.runAlone(flow(), { Adapter: Mine, context: { start: 5 } })
    assert.deepEqual(seen, [
      ['start', 'order', 'a'],
      ['start', 'order', 'b'],
      ['result', 'completed', 7, 7],
    ])
    assert.equal(status, 'completed')
    assert.equal(result.payload.context['_outputs.b'], 7)
  })

  it('says that a run ended where an override stores nothing', async () => {
    class Silent extends RabbitMqAdapter {
      async publishFinalResult() {}
    }
    const { status, result } = await servers.runAlone(flow(), { Adapter: Silent })
    assert.equal(status, 'completed')
    assert.equal(result?.payload, undefined)
  })

  it('is given both ends of a run that is retried while the first one is published', async () => {
    let attempts = 0
    const stubborn = createFlow('stubborn').node('a', async () => {
      attempts += 1
      if (attempts === 1) throw new Error('not yet')
      return { output: attempts }
    })
    const published = []
    class Retrying extends RabbitMqAdapter {
      async publishFinalResult(runId, result) {
        published.push(result.status)
        if (result.status === 'failed') await this.retry(runId)
        await super.publishFinalResult(runId, result)
      }
    }
    await servers.freshQueue()
    // Nobody comes by to publish what was left.
    const adapter = servers.adapter(stubborn, { Adapter: Retrying, repairInterval: 0 })
    const runId = await servers.begin(stubborn)
    await until(async () => (await servers.look(runId)).status === 'completed')
    assert.deepEqual(published, ['failed', 'completed'])
    await adapter.stop()
  })

  it('enqueues without having been started', async () => {
    await servers.freshQueue()
    const adapter = servers.adapter(flow(), { started: false })
    await adapter.enqueueJob({ runId: 'x', blueprintId: 'order', nodeId: 'a', attempt: 1, isLastAttempt: true })
    const message = await until(() => servers.channel.get(servers.queue, { noAck: true }))
    assert.deepEqual(JSON.parse(message.content), {
      runId: 'x',
      blueprintId: 'order',
      nodeId: 'a',
      attempt: 1,
      isLastAttempt: true,
    })
    assert.equal(message.properties.deliveryMode, 2)
    await adapter.stop()
  })

  it('serves webhooks only where it is told how', async () => {
    const adapter = servers.adapter(flow(), { started: false })
    await assert.rejects(adapter.registerWebhookEndpoint('r', 'n'), /not implemented/)
  })
})

describe('connections', () => {
  const ports = { amqp: new URL(urls.amqp), redis: new URL(urls.redis) }

  it('takes live amqplib, pg and ioredis objects, and leaves them open', async () => {
    const amqpConnection = await amqplib.connect(urls.amqp)
    const pgClient = new pg.Client(urls.database)
    await pgClient.connect()
    const redis = new Redis(urls.redis, { keyPrefix: `${servers.name}:` })
    const { status } = await servers.runAlone(flow(), {
      amqpConnection,
      pgClient,
      coordinationStore: new RedisCoordinationStore(redis),
    })
    assert.equal(status, 'completed')
    const channel = await amqpConnection.createChannel()
    await channel.close()
    assert.equal((await pgClient.query('SELECT 1 AS one')).rows[0].one, 1)
    assert.ok((await redis.keys('*')).some((key) => key.startsWith(`${servers.name}:flowcraft:blueprint:`)))
    await amqpConnection.close()
    await pgClient.end()
    redis.disconnect()
  })

  it('takes options objects, pools and a password function', async () => {
    let asked = 0
    const database = new pg.Client(urls.database).connectionParameters
    const { status } = await servers.runAlone(flow(), {
      amqpConnection: {
        hostname: ports.amqp.hostname,
        port: Number(ports.amqp.port || 5672),
        username: decodeURIComponent(ports.amqp.username || 'guest'),
        password: decodeURIComponent(ports.amqp.password || 'guest'),
      },
      pgClient: {
        host: database.host,
        port: database.port,
        user: database.user,
        database: database.database,
        password: async () => {
          asked += 1
          return database.password ?? 'any'
        },
      },
      coordinationStore: new RedisCoordinationStore({
        host: ports.redis.hostname,
        port: Number(ports.redis.port || 6379),
      }),
    })
    assert.equal(status, 'completed')
    assert.ok(asked > 0)
    const pool = new pg.Pool({ connectionString: urls.database })
    assert.equal((await servers.runAlone(flow(), { pgClient: pool })).status, 'completed')
    assert.equal(pool.totalCount, 0, 'its parameters are read, its connections are not used')
    await pool.end()
  })

  it('takes several URLs of one cluster, and goes to the next where one is down', async () => {
    const { status } = await servers.runAlone(flow(), { amqpConnection: ['amqp://127.0.0.1:1', urls.amqp] })
    assert.equal(status, 'completed')
  })

  it('says what is wrong with a missing table, with the statement that mends it', async () => {
    const context = new PostgresContext('r', { client: urls.database, tableName: `${servers.name}.absent` })
    await assert.rejects(context.get('a'), /absent' does not exist[\s\S]*CREATE TABLE .*absent/)
    const lines = []
    const logger = Object.assign(new NullLogger(), { error: (line) => lines.push(line) })
    await servers.freshQueue()
    const adapter = servers.adapter(flow(), {
      statusTableName: `${servers.name}.absent`,
      runtime: { logger },
      stopTimeout: 100,
    })
    await servers.begin(flow(), {}, { status: false })
    await until(() => lines.some((line) => line.includes('CREATE TABLE')))
    await adapter.stop()
    assert.equal(await until(() => servers.waiting()), 1, 'the job waits in the queue')
  })
})

describe('the three status tables', () => {
  for (const shape of Object.keys(STATUS_TABLES)) {
    it(`works with the ${shape}’s`, async () => {
      const own = await openSharedServers({ statusTable: shape })
      try {
        const done = await own.runAlone(flow())
        assert.equal(done.status, 'completed')
        assert.equal(done.result.status, 'completed')
        assert.equal(done.result.payload.status, 'completed')
        assert.deepEqual(JSON.parse(done.result.payload.serializedContext), done.result.payload.context)
        assert.equal(done.result.payload.context['_outputs.b'], 2)
        assert.equal(done.result.payload.context.blueprintId, 'order')
        assert.equal(done.result.payload.context.blueprintVersion, null)
        assert.equal('_flowcraft' in done.result.payload.context, false)
        const failing = createFlow('order').node('a', async () => {
          throw new Error('no stock')
        })
        const failed = await own.runAlone(failing)
        assert.deepEqual(failed.result, { status: 'failed', reason: "Node 'a' execution failed: no stock" })
      } finally {
        await own.close()
      }
    })
  }

  it('keeps status and updated_at at every job, also where the client wrote no row', async () => {
    const moments = []
    const watched = createFlow('watched')
    for (const id of ['a', 'b']) {
      watched.node(id, async ({ dependencies }) => {
        moments.push(await servers.look(dependencies.runtime.executionId))
        await new Promise((resolve) => setTimeout(resolve, 20))
        return { output: id }
      })
    }
    watched.edge('a', 'b')
    await servers.freshQueue()
    const adapter = servers.adapter(watched)
    await servers.settled(await servers.begin(watched, {}, { status: false }))
    assert.deepEqual(
      moments.map((moment) => moment.status),
      ['running', 'running'],
    )
    assert.ok(new Date(moments[1].updatedAt) > new Date(moments[0].updatedAt))
    await adapter.stop()
  })

  it('reads table names as SQL does, and quotes them', async () => {
    await servers.pg.query(
      `CREATE TABLE ${servers.name}."Odd ""Name"".x" (run_id TEXT PRIMARY KEY, context_data JSONB)`,
    )
    const context = new PostgresContext('r', { client: servers.pg, tableName: `${servers.name}."Odd ""Name"".x"` })
    await context.set('a', 1)
    assert.equal(await context.get('a'), 1)
    const folded = new PostgresContext('r', { client: servers.pg, tableName: `${servers.name}.CONTEXTS` })
    await folded.set('a', 2)
    assert.equal(await folded.get('a'), 2)
  })
})

describe('events', () => {
  it('job:enqueued, job:processed and job:failed, and the runtime’s own, under the run’s id', async () => {
    const events = []
    const runtimeEvents = []
    const failing = createFlow('events')
      .node('a', async () => ({ output: 1 }))
      .node('b', async () => {
        throw new Error('broken')
      })
      .edge('a', 'b')
    await servers.freshQueue()
    const adapter = servers.adapter(failing, {
      eventBus: { emit: async (event) => void events.push(event) },
      runtime: { eventBus: { emit: (event) => void runtimeEvents.push(event) } },
    })
    const runId = await servers.begin(failing)
    await servers.settled(runId)
    await until(() => events.filter((event) => event.type === 'job:processed').length === 2)
    // The broker may deliver a message before it confirms it: the job may be processed first.
    const enqueued = await until(() => events.find((event) => event.type === 'job:enqueued'))
    const job = { runId, executionId: runId, blueprintId: 'events', nodeId: 'b', queueName: servers.queue }
    assert.deepEqual(enqueued.payload, job)
    const processed = events.filter((event) => event.type === 'job:processed').map((event) => event.payload)
    // In either order, for the same reason.
    assert.deepEqual(processed.map(({ nodeId, success }) => [nodeId, success]).sort(), [
      ['a', true],
      ['b', false],
    ])
    assert.equal(typeof processed[0].duration, 'number')
    const [failed] = events.filter((event) => event.type === 'job:failed')
    assert.equal(failed.payload.nodeId, 'b')
    assert.equal(failed.payload.error.name, 'FlowcraftError')
    const started = runtimeEvents.filter((event) => event.type === 'node:start').map((event) => event.payload)
    assert.deepEqual(
      started.map(({ nodeId, executionId }) => [nodeId, executionId]),
      [
        ['a', runId],
        ['b', runId],
      ],
    )
    await adapter.stop()
  })

  it('a bus, a logger or a hook that throws breaks nothing', async () => {
    const thrower = () => {
      throw new Error('listener')
    }
    const { status } = await servers.runAlone(flow(), { eventBus: { emit: thrower } })
    assert.equal(status, 'completed')
  })
})

describe('the runtime’s options', () => {
  it('middleware, dependencies and a serializer are the user’s', async () => {
    const seen = []
    const flowing = createFlow('options').node('a', async ({ dependencies }) => ({ output: dependencies.price(2) }))
    const { result, context } = await servers.runAlone(flowing, {
      runtime: {
        dependencies: { price: (n) => n * 21 },
        serializer: { serialize: (data) => `mine:${Object.keys(data).length}`, deserialize: JSON.parse },
        middleware: [
          {
            beforeNode: async (_context, nodeId) => void seen.push(`before ${nodeId}`),
            aroundNode: async (context, nodeId, next) => {
              await context.set('around', nodeId)
              const result = await next()
              return { ...result }
            },
            afterNode: async (_context, nodeId, result) => void seen.push(`after ${nodeId} ${result.output}`),
          },
        ],
      },
    })
    assert.deepEqual(seen, ['before a', 'after a 42'])
    assert.equal(context.around, 'a')
    assert.match(result.payload.serializedContext, /^mine:\d+$/)
  })

  it('a coordination store of the user’s own is called, ours is not needed', async () => {
    const map = new Map()
    const calls = new Set()
    const own = {
      async increment(key) {
        calls.add('increment')
        map.set(key, (map.get(key) ?? 0) + 1)
        return map.get(key)
      },
      async setIfNotExist(key, value) {
        calls.add('setIfNotExist')
        if (map.has(key)) return false
        map.set(key, value)
        return true
      },
      async extendTTL(key) {
        return map.has(key)
      },
      async delete(key) {
        calls.add('delete')
        map.delete(key)
      },
      async get(key) {
        return map.get(key)
      },
    }
    const { status } = await servers.runAlone(flow(), { coordinationStore: own, workers: 2 })
    assert.equal(status, 'completed')
    assert.ok(calls.has('setIfNotExist') && calls.has('delete'))
    assert.ok(![...map.keys()].some((key) => key.includes('nodelock')), 'no lease is left behind')
  })
})

describe('the reconciler', () => {
  it('finds stalled runs, publishes what is due, and counts', async () => {
    await servers.freshQueue()
    const order = flow()
    const stalled = await servers.begin(order, {}, { starts: [] })
    const unknown = await servers.begin(order, {}, { starts: [] })
    const fresh = await servers.begin(order, {}, { starts: [] })
    await servers.pg.query(
      `UPDATE ${servers.contextTable} SET context_data = '{"blueprintId":"order"}' WHERE run_id <> $1`,
      [unknown],
    )
    await servers.pg.query(
      `UPDATE ${servers.statusTable} SET updated_at = now() - interval '1 hour' WHERE run_id <> $1`,
      [fresh],
    )
    await servers.pg.query(`DELETE FROM ${servers.statusTable} WHERE run_id NOT IN ($1, $2, $3)`, [
      stalled,
      unknown,
      fresh,
    ])
    const adapter = servers.adapter(order, { started: false })
    const reconciler = createRabbitMqReconciler({
      adapter,
      pgClient: servers.pg,
      statusTableName: servers.statusTable,
      stalledThresholdSeconds: 300,
      logger: new NullLogger(),
    })
    assert.deepEqual(await reconciler.run(), { stalledRuns: 2, reconciledRuns: 1, failedRuns: 1 })
    assert.equal(await until(() => servers.waiting()), 1)
    assert.deepEqual(
      await reconciler.run(),
      { stalledRuns: 0, reconciledRuns: 0, failedRuns: 0 },
      'each was taken on a moment ago',
    )
    adapter.start()
    assert.equal((await servers.settled(stalled)).context['_outputs.b'], 2)
    await adapter.stop()
  })

  it('calls the adapter’s own reconcile', async () => {
    const stale = await servers.begin(flow(), {}, { starts: [] })
    await servers.pg.query(
      `UPDATE ${servers.statusTable} SET updated_at = now() - interval '2 hours' WHERE run_id = $1`,
      [stale],
    )
    const asked = []
    const reconciler = createRabbitMqReconciler({
      adapter: {
        reconcile: async (runId) => {
          asked.push(runId)
          return new Set(['x'])
        },
      },
      pgClient: urls.database,
      statusTableName: servers.statusTable,
      stalledThresholdSeconds: 3700,
      logger: new NullLogger(),
    })
    assert.deepEqual(await reconciler.run(), { stalledRuns: 1, reconciledRuns: 1, failedRuns: 0 })
    assert.deepEqual(asked, [stale])
  })
})

describe('duplicates', () => {
  it('the same message many times runs a node once', async () => {
    let runs = 0
    const counted = createFlow('counted')
      .node('a', async () => {
        runs += 1
        await new Promise((resolve) => setTimeout(resolve, 100))
        return { output: runs }
      })
      .node('b', async ({ input }) => ({ output: input }))
      .edge('a', 'b')
    await servers.freshQueue()
    const adapters = [servers.adapter(counted), servers.adapter(counted)]
    const runId = await servers.begin(counted, {}, { starts: ['a', 'a', 'a', 'a', 'a'] })
    const { context } = await servers.settled(runId)
    await until(async () => (await servers.waiting()) === 0)
    await Promise.all(adapters.map((adapter) => adapter.stop()))
    assert.equal(runs, 1)
    assert.equal(context['_outputs.b'], 1)
  })

  it('a message that is no job goes to the dead letters with a reason, and holds nothing up', async () => {
    await servers.freshQueue()
    await servers.send('not json')
    const adapter = servers.adapter(flow())
    assert.equal((await servers.run(flow())).status, 'completed')
    await servers.channel.checkQueue(`${servers.queue}.dead`)
    const letter = await until(() => servers.channel.get(`${servers.queue}.dead`, { noAck: true }))
    assert.equal(letter.content.toString(), 'not json')
    assert.match(String(letter.properties.headers['x-flowcraft-reason']), /not a job/)
    await adapter.stop()
    await servers.channel.deleteQueue(`${servers.queue}.dead`)
  })
})
