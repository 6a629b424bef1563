// This package on tables that were migrated, as its README says for long runs and large contexts.
import { flowId, startNode } from '../flows.js'
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
  queries: queriesInFullTables,
}

export function startMessage(runId, flow) {
  return { runId, blueprintId: flowId(flow), nodeId: startNode(flow) }
}
