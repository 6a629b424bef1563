// What the servers allow: the same life of a job in plain Rust, with no engine and no JavaScript (bare-loop/). It
// follows a flow by what its messages say.
import { flowId } from '../flows.js'
import { Tables } from '../support/tables.js'

export default {
  id: 'bare',
  title: 'bare loop',
  settings: [{ concurrency: 64 }, { concurrency: 256 }, { concurrency: 512 }],
  worker: () => ({ file: process.env.BARE_LOOP, args: [] }),
  open: (world) => new Tables(world, { message }).open(),
}

function message(runId, flow) {
  return { runId, blueprintId: flowId(flow), nodeId: 0, kind: flow.kind, size: flow.size }
}
