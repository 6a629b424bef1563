// A backlog in another queue is no loss: jobs wait there as long as it takes, and none is published again.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { sharedServersFor, until } from '../fixtures/shared-servers.js'

const ran = []
const flow = createFlow('moved')
  .node('early', async () => void ran.push('early'))
  .node('late', async () => void ran.push('late'))
/** Longer than a run is silent before it is looked at, and two looks. */
const LOOKED_AT = 9_000

it("a start message in its client's queue, while the run's own queue is empty", async (t) => {
  const servers = await sharedServersFor(t)
  await servers.freshQueue()
  const clients = servers.queue
  const queues = { moved: `${clients}_own` }
  await servers.declareQueue(queues.moved)
  servers.queues.add(queues.moved)
  const begins = servers.adapter(flow, { queues, repairInterval: 0 })
  const runId = await servers.begin(flow, {}, { starts: ['early'] })
  await until(async () => '_outputs.early' in (await servers.look(runId)).context || ran.includes('early'))
  await sleep(300)
  await begins.stop()
  await servers.send({ runId, blueprintId: 'moved', nodeId: 'late' })
  const looks = servers.adapter(flow, { queues, consume: [queues.moved], repairInterval: 500 })
  await sleep(LOOKED_AT)
  assert.equal(await servers.waiting(clients), 1)
  assert.deepEqual(ran, ['early'], 'the job that waits elsewhere was published again')
  await looks.stop()
  servers.adapter(flow, { queues })
  assert.equal((await servers.settled(runId)).status, 'completed')
  assert.deepEqual(ran, ['early', 'late'])
})
