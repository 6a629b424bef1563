// A worker process dies by SIGKILL at each step of a child run: where its node starts it, where that pauses, where the child ends, and
// where its parent is told. Another worker finishes both runs: one child, whose end counts once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import { startWorker } from './support/fleet.js'
import { flowsFor, outcomes } from './support/flows.js'

/** At which step, and the how manieth time that a worker comes to it. */
const STEPS = [
  ['start-before-insert', 1],
  ['start-after-insert', 1],
  ['start-after-publish', 1],
  // The parent's second node has paused; then come the nodes of its child.
  ['after-commit', 2],
  ['after-publish', 2],
  ['child-ended', 1],
  ['parent-told', 1],
  ['before-ack', 8],
]

const SOON = { concurrency: 1, subflows: 'jobs', leaseSeconds: 2, repairInterval: 500 }

let servers
before(async () => {
  servers = await openPrivateServers({ shared: ['rabbitmq', 'postgres'] })
})
after(() => servers?.close())

describe('a worker dies at a step of a child run', { concurrency: 4 }, () => {
  for (const [point, time] of STEPS) {
    for (const continuation of [false, true]) {
      it(`${point}, the ${time}. time${continuation ? ', going on with its runs' : ''}`, async (t) => {
        const queueName = servers.freshQueue()
        const env = { FLOWCRAFT_FAULT: `crash@${point}:${time}` }
        const dying = startWorker(servers, { ...SOON, name: 'dying', env, queueName, continuation })
        t.after(() => dying.stop('SIGKILL'))
        await dying.started()
        const run = await servers.begin('parent', { n: 7 }, { queue: queueName })
        const isOver = async () => dying.end || (await servers.look(run)).status === 'completed'
        await until(isOver, { what: 'its end' })
        const flows = flowsFor(servers.executions, 'second')
        const second = servers.adapter(flows, { ...SOON, queueName })
        await servers.ended([run])
        await second.stop()
        const { status, context } = await servers.look(run)
        const { output, nodes } = outcomes.parent({ n: 7 })
        assert.deepEqual([status, context['_outputs.last']], ['completed', output])
        assert.deepEqual(servers.executions.perNode(run), nodes)
        if (!continuation || point !== 'before-ack')
          assert.equal(dying.end?.signal, 'SIGKILL', 'it never came to that step')
      })
    }
  }
})
