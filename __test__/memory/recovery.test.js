// What recovery takes for lost, where a run's jobs travel through another queue than the one it began with.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { declared } from '../fixtures/flows.js'
import { until } from '../fixtures/until.js'
import { freshMemory, QUEUE, TABLES } from './support.js'

const OTHER = 'other-jobs'

/** A run of it pauses before its second node. */
const flowOf = (id) =>
  declared(
    {
      id,
      nodes: [
        { id: 'pause', uses: 'wait' },
        { id: 'after', uses: 'after' },
      ],
      edges: [{ source: 'pause', target: 'after' }],
    },
    { after: async () => ({ output: 'done' }) },
  )
const [moved, stayed] = [flowOf('moved'), flowOf('stayed')]

/** Two runs, paused, begun with one queue for all; from then on one blueprint's jobs travel through the other. */
async function moving(t, options) {
  const corner = freshMemory(t)
  corner.memory.declareQueue(OTHER)
  const first = corner.worker([moved, stayed])
  for (const id of ['moved', 'stayed']) corner.begin(id, id, 'pause')
  for (const id of ['moved', 'stayed']) await corner.settled(id, ['awaiting'])
  await first.stop()
  const second = corner.worker([moved, stayed], { queues: { moved: OTHER }, repairInterval: 1000, ...options })
  return { ...corner, second }
}

describe('a backlog in another queue', () => {
  it('is not lost: its jobs are not published again', async (t) => {
    const { memory, second, settled } = await moving(t, { consume: [QUEUE] })
    await second.resumeWithAction('moved', 'go')
    assert.equal(memory.queue(OTHER).ready.length, 1)
    // The same scans find the job of the other run, which is lost indeed: twice, so that each was judged twice.
    for (const run of ['stayed', 'once-more']) {
      if (run === 'once-more') {
        memory.insert(TABLES, run, '{}', 'running')
        memory.publish(QUEUE, Buffer.from(JSON.stringify({ runId: run, blueprintId: 'stayed', nodeId: 'pause' })))
        await settled(run, ['awaiting'])
      }
      await second.stop()
      await second.resumeWithAction(run, 'go')
      assert.ok(memory.take(QUEUE))
      second.start()
      memory.advance(20_000)
      await settled(run)
    }
    assert.equal(memory.queue(OTHER).ready.length, 1)
    assert.equal(memory.run(TABLES, 'moved').status, 'running')
  })

  it('that is empty hides nothing: a job lost there is found', async (t) => {
    const { memory, second } = await moving(t, { consume: [QUEUE] })
    await second.resumeWithAction('moved', 'go')
    assert.ok(memory.take(OTHER))
    memory.advance(20_000)
    await until(() => memory.queue(OTHER).ready.length === 1)
  })
})
