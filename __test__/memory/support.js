// A memory for one test: its name, the tables and queue in it, and adapters over it.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { Memory } from '../../dist/bridge/native.js'
import { until } from '../fixtures/until.js'

export const TABLES = { contexts: 'contexts', statuses: 'statuses' }
export const QUEUE = 'jobs'

let names = 0

/** The options of an adapter whose servers are all the memory `url`. */
export function optionsOn(url, flows = [], { runtime, ...more } = {}) {
  const built = [flows].flat()
  return {
    runtimeOptions: {
      blueprints: Object.fromEntries(built.map((flow) => [flow.toBlueprint().id, flow.toBlueprint()])),
      registry: Object.fromEntries(built.flatMap((flow) => [...flow.getFunctionRegistry()])),
      logger: new NullLogger(),
      ...runtime,
    },
    amqpConnection: url,
    pgClient: url,
    coordinationStore: new RedisCoordinationStore(url),
    contextTableName: TABLES.contexts,
    statusTableName: TABLES.statuses,
    queueName: QUEUE,
    ...more,
  }
}

/** A memory that nobody else names. */
export function freshMemory(t) {
  names += 1
  const name = `test-${names}`
  const url = `memory:${name}`
  const memory = new Memory(name)
  memory.declareQueue(QUEUE)
  const adapters = []
  t.after(async () => {
    // In this order: a job that finds its run gone would begin it anew.
    await Promise.all(adapters.map((adapter) => adapter.stop()))
    memory.reset()
  })
  const settled = (run, statuses = ['completed', 'failed', 'cancelled']) =>
    until(
      () => {
        const { status, result, context } = memory.run(TABLES, run)
        return statuses.includes(status) && { status, result: parsed(result), context: parsed(context) }
      },
      { what: `run ${run} to be ${statuses.join(' or ')}` },
    )
  return {
    memory,
    url,
    settled,
    /** A worker, stopped with the test. */
    worker(flows, options) {
      const adapter = new RabbitMqAdapter(optionsOn(url, flows, options))
      adapters.push(adapter)
      adapter.start()
      return adapter
    },
    /** Starts a run as a client does. */
    begin(run, blueprintId, nodeId, context = {}) {
      memory.insert(TABLES, run, JSON.stringify(context), 'running')
      memory.publish(QUEUE, Buffer.from(JSON.stringify({ runId: run, blueprintId, nodeId })))
    },
  }
}

const parsed = (json) => (json === undefined ? undefined : JSON.parse(json))
