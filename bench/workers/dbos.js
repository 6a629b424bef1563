// The same flows as DBOS workflows: a node is a step, a run is a workflow that this process starts and finishes.
import { DBOS } from '@dbos-inc/dbos-sdk'
import { contest, marks, serve } from './serve.js'

const { name, urls, setting } = contest

const step = (value) => async () => value
const mark = (flow) => flow.marks && marks.push(performance.now())

/** A step of a chain is marked when it is called, as everywhere. */
const chain = DBOS.registerWorkflow(
  async (flow, _context) => {
    let output = 0
    for (let i = 0; i < flow.size; i++) {
      const next = output + 1
      mark(flow)
      output = await DBOS.runStep(step(next), { name: `n${i}` })
    }
    return output
  },
  { name: 'chain' },
)

/** A fan's steps are all called at once, before any is recorded; each is marked when it is recorded. */
const fan = DBOS.registerWorkflow(
  async (flow, _context) => {
    const first = await DBOS.runStep(step(1), { name: 'start' })
    const wide = Array.from({ length: flow.size }, async (_, i) => {
      const output = await DBOS.runStep(step(first + 1), { name: `n${i}` })
      mark(flow)
      return output
    })
    const all = await Promise.all(wide)
    return DBOS.runStep(step(all[0] + 1), { name: 'join' })
  },
  { name: 'fan' },
)

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: urls.database,
  systemDatabaseSchemaName: name,
  systemDatabasePoolSize: setting.poolSize,
  logLevel: 'error',
})
await DBOS.launch()

const workflows = { chain, fan }

async function run({ runs, flow, context }) {
  const results = await Promise.all(
    runs.map(async (workflowID) => {
      const handle = await DBOS.startWorkflow(workflows[flow.kind], { workflowID })(flow, context)
      return [workflowID, await handle.getResult()]
    }),
  )
  return Object.fromEntries(results)
}

await serve({ stop: () => DBOS.shutdown(), answers: { run } })
