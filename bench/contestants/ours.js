// This package, as its README says.
import { flowId, startNode } from '../flows.js'
import { queriesInFullTables } from '../support/queries.js'
import { Tables } from '../support/tables.js'
import { nodeWorker } from '../support/worker-process.js'

export default {
  id: 'ours',
  title: 'this package',
  settings: [{ concurrency: 10 }, { concurrency: 50 }, { concurrency: 200 }, { concurrency: 400 }],
  worker: () => nodeWorker(new URL('../workers/ours.js', import.meta.url)),
  open: (world) => new Tables(world, { message: startMessage }).open(),
  queries: queriesInFullTables,
}

export function startMessage(runId, flow) {
  return { runId, blueprintId: flowId(flow), nodeId: startNode(flow) }
}
