// Five thousand failed runs are retried by the dashboard's own calls, stopped half-way, and gone on with.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { boardFor } from './support/board.js'

const [COUNT, BATCH] = [5_000, 50]
/** Those that fail again. */
const isStubborn = (runId) => runId.endsWith('7')

/** A node that fails while the bank is away, and for some runs always; `executed` counts by run. */
function charging() {
  const world = { isAway: true }
  const executed = new Map()
  const flow = createFlow('order').node('charge', async ({ dependencies: { job } }) => {
    executed.set(job.runId, (executed.get(job.runId) ?? 0) + 1)
    if (world.isAway || isStubborn(job.runId)) throw new Error('The bank is away')
    return { output: 'charged' }
  })
  return { flow, world, executed }
}

describe('a retry of 5,000 failed runs', () => {
  it('that is stopped half-way goes on with the rest, and retries each of them once', async (t) => {
    const { flow, world, executed } = charging()
    const { env, get, post } = await boardFor(t, { flows: { order: flow }, env: { patience: 120_000 } })
    const ids = Array.from({ length: COUNT }, (_, at) => `order-${String(at).padStart(4, '0')}`)
    for (let at = 0; at < COUNT; at += 500) {
      await env.client.startMany(
        'order',
        ids.slice(at, at + 500).map((runId) => ({ runId })),
      )
      await env.settle()
    }
    const counts = async () =>
      Object.fromEntries((await env.client.counts()).map(({ status, count }) => [status, count]))
    assert.deepEqual(await counts(), { failed: COUNT })
    world.isAway = false

    const preview = await get('runs/preview', { action: 'retry', blueprint: 'order' })
    assert.deepEqual([preview.body.ids.length, preview.body.isMore], [COUNT, false])
    const retry = async (some) => {
      for (let at = 0; at < some.length; at += BATCH) {
        const { body } = await post('runs/retry', { ids: some.slice(at, at + BATCH) })
        assert.deepEqual(
          body.outcomes.filter(({ code }) => code !== undefined),
          [],
        )
      }
      await env.settle()
    }
    const [first, rest] = [preview.body.ids.slice(0, COUNT / 2), preview.body.ids.slice(COUNT / 2)]
    const again = first.filter(isStubborn).length
    assert.ok(again > 0)
    const begun = performance.now()
    await retry(first)
    assert.deepEqual(await counts(), { completed: first.length - again, failed: rest.length + again })
    // What the dialog has left is what it found at first: those that failed again are not in it.
    await retry(rest)
    t.diagnostic(`${COUNT} runs were retried in ${Math.round(performance.now() - begun)} ms`)
    const stubborn = ids.filter(isStubborn)
    assert.deepEqual(await counts(), { completed: COUNT - stubborn.length, failed: stubborn.length })
    assert.deepEqual([...new Set(executed.values())], [2])

    // They are found when it is asked again.
    const next = await get('runs/preview', { action: 'retry', blueprint: 'order' })
    assert.deepEqual(next.body.ids.sort(), stubborn)
  })
})
