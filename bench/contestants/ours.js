// This package on tables that were migrated, as its README says for long runs and large contexts.
import { blueprintOf, flowId, startNode } from '../flows.js'
import { packageUnderTest } from '../support/package.js'
import { queriesInFullTables } from '../support/queries.js'
import { Tables } from '../support/tables.js'
import { nodeWorker } from '../support/worker-process.js'

export default {
  id: 'ours',
  title: 'this package',
  settings: [{ concurrency: 50 }, { concurrency: 200 }, { concurrency: 400 }],
  worker: () => nodeWorker(new URL('../workers/ours.js', import.meta.url)),
  async open(world) {
    const tables = await new Tables(world, { message: startMessage }).open()
    const { migrate } = await packageUnderTest()
    await migrate({
      pgClient: world.urls.database,
      contextTableName: tables.contexts,
      statusTableName: tables.statuses,
    })
    return tables
  },
  caller: (world) => openCaller(world),
  queries: queriesInFullTables,
}

const CALLED = { kind: 'chain', size: 1 }

/** A client as an application has it. */
async function openCaller(world) {
  const tables = await new Tables(world, { message: startMessage }).open()
  const { createRabbitMqClient, migrate, RedisCoordinationStore } = await packageUnderTest()
  const both = { contextTableName: tables.contexts, statusTableName: tables.statuses }
  await migrate({ pgClient: world.urls.database, ...both })
  const client = createRabbitMqClient({
    amqpConnection: world.urls.amqp,
    pgClient: world.urls.database,
    coordinationStore: new RedisCoordinationStore(world.urls.redis),
    queueName: world.name,
    blueprints: { [flowId(CALLED)]: blueprintOf(CALLED) },
    ...both,
  })
  return {
    startMany: (runs, context) =>
      client.startMany(
        flowId(CALLED),
        runs.map((runId) => ({ runId, context })),
      ),
    async count() {
      return (await client.counts()).reduce((sum, { count }) => sum + count, 0)
    },
    async wait(runId) {
      const run = await client.start(flowId(CALLED), { runId })
      await run.result({ timeoutMs: 10_000 })
      const answered = Date.now()
      // By PostgreSQL's clock, the same machine's: when the transaction began that committed the end.
      return answered - (await run.describe()).updatedAt.getTime()
    },
    async close() {
      await client.close()
      await tables.close()
    },
  }
}

export function startMessage(runId, flow) {
  return { runId, blueprintId: flowId(flow), nodeId: startNode(flow) }
}
