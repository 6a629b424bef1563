// A worker process that dies by SIGKILL at each step of a job's life. Another worker finishes the run: the right output,
// and no node executed twice but the one that had run and was not yet committed, or whose commit was on its way.
//
// The steps are fault points of the engine, built into the repository's own builds only.
//
// Without FLOWCRAFT_LONG each step is tried the first time that a worker comes to it, with it also the later ones.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { counted } from '../fixtures/executions.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { startWorker } from './support/fleet.js'
import { flowsFor, outcomes } from './support/flows.js'

const BEFORE_IT_RAN = ['before-lease', 'after-lease', 'before-load', 'after-load', 'before-call']
const RAN_FOR_NOTHING = ['after-call', 'before-commit']
/** The commit is on its way: it counts, or the node runs again. */
const MAY_HAVE_RUN_FOR_NOTHING = ['before-carry', 'after-carry']
const COMMITTED = [
  'after-commit',
  'before-publish',
  'after-publish',
  'before-release',
  'after-release',
  'before-ack',
  'after-ack',
]

const CASES = [
  ...[...BEFORE_IT_RAN, ...RAN_FOR_NOTHING, ...COMMITTED].flatMap((point) => [
    [point, 1],
    [point, 3],
  ]),
  // Only the two fan-outs of the flow publish several jobs.
  ['between-publishes', 1],
  ['between-publishes', 2],
]

/** Within a chain that is carried under one message. */
const CARRIED = [...MAY_HAVE_RUN_FOR_NOTHING, ...RAN_FOR_NOTHING, 'after-commit'].flatMap((point) => [
  [point, 1],
  [point, 2],
])

/** At steps of the jobs of a subflow: its container's, those of its nodes, and the one that ends it. */
const INSIDE = ['before-call', ...RAN_FOR_NOTHING, 'after-commit', 'before-publish', 'after-publish'].flatMap((point) =>
  (point.endsWith('publish') ? [1, 2] : [1, 2, 8]).map((time) => [point, time, 'around']),
)

const OF_THE_RUN = (step) => [...step, 'diamonds']
const EVERY = [
  ...CASES.map(OF_THE_RUN).map((step) => [...step, false]),
  ...CARRIED.map(OF_THE_RUN).map((step) => [...step, true]),
  ...INSIDE.flatMap((step) => [
    [...step, false],
    [...step, true],
  ]),
]

const CHOSEN = process.env.FLOWCRAFT_LONG ? EVERY : EVERY.filter(([, time]) => time === 1)

let servers
let pointless
before(async () => {
  servers = await openPrivateServers({ shared: ['rabbitmq', 'postgres'] })
  pointless = (await dies('before-lease', 1)) ? undefined : 'this build of the engine has no fault points'
})
after(() => servers?.close())

/** As `dies`. A worker goes on with a run for 250 ms at most: on a busy machine it may not come to a step of that. */
async function diesInTheEnd(point, time, how) {
  for (let tries = how.continuation ? 3 : 1; tries > 0; tries--) {
    const died = await dies(point, time, how)
    if (died) return died
  }
}

/** Whether a worker told to die at a step does so; answers with its run. */
async function dies(point, time, { continuation = false, flow = 'diamonds' } = {}) {
  const queue = servers.freshQueue()
  // One job at a time: the node it was busy with is known.
  const env = { FLOWCRAFT_FAULT: `crash@${point}:${time}` }
  const worker = startWorker(servers, {
    name: 'dying',
    env,
    queueName: queue,
    concurrency: 1,
    continuation,
    subflows: 'jobs',
  })
  try {
    await worker.started()
    const run = await servers.begin(flow, { n: 7 }, { queue })
    await until(async () => worker.end || (await servers.look(run)).status === 'completed', { what: 'its end' })
    if (!worker.end) return undefined
    assert.equal(worker.end.signal, 'SIGKILL', worker.printed)
    return { run, queue }
  } finally {
    await worker.stop('SIGKILL')
  }
}

describe('a worker dies, another finishes its run', { concurrency: 4 }, () => {
  for (const [point, time, flow, continuation] of CHOSEN) {
    const where = flow === 'around' ? ', with a subflow' : ''
    it(`${point}, the ${time}. time${where}${continuation ? ', going on with the run' : ''}`, async (t) => {
      if (pointless) return t.skip(pointless)
      const died = await diesInTheEnd(point, time, { continuation, flow })
      assert.ok(died, 'the run ended, and the worker never came to that step')
      const { run, queue } = died
      const executedBefore = servers.executions.all([run])
      const begun = Date.now()
      const second = servers.adapter(flowsFor(servers.executions, 'second'), {
        queueName: queue,
        concurrency: 1,
        subflows: 'jobs',
      })
      await servers.ended([run])
      t.diagnostic(`${point}: the run ends ${Date.now() - begun} ms after another worker came`)
      await second.stop()

      const { status, context } = await servers.look(run)
      const { output, nodes } = outcomes[flow]({ n: 7 })
      assert.equal(status, 'completed')
      assert.equal(context['_outputs.end'] ?? context['_outputs.last'], output)
      assert.deepEqual(counted(context), nodes)
      // The container's own code runs nothing of the user's.
      const last = executedBefore.at(-1)?.node
      const perNode = servers.executions.perNode(run)
      const again = RAN_FOR_NOTHING.includes(point) || (MAY_HAVE_RUN_FOR_NOTHING.includes(point) && perNode[last] === 2)
      assert.deepEqual(perNode, { ...nodes, ...(again && last && { [last]: 2 }) })
    })
  }
})
