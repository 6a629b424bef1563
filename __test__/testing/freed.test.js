// Environments leave nothing behind, and are quick.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { counting, environmentFor, held } from './support.js'

const run = promisify(execFile)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')

/** What a process holds, once what nobody holds is gone. */
async function holdings() {
  for (let round = 0; round < 5; round += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed / 1024 ** 2, rss: rss / 1024 ** 2, active: process.getActiveResourcesInfo().length }
}

/** Opens so many environments one after the other: in each a run ends, one waits, and one is within a node. */
async function openAndClose(count) {
  for (let number = 0; number < count; number += 1) {
    const { flow } = held()
    const env = await createTestEnvironment({ flows: { counting, held: flow } })
    await env.client.startMany('counting', [{}, {}])
    await env.settle()
    await env.client.start('held')
    await env.untilExecuting('hold')
    await env.close()
  }
}

describe('environments that are closed', () => {
  it('leave no handle, and no memory: 200 of them', async () => {
    await openAndClose(200)
    const before = await holdings()
    await openAndClose(200)
    const after = await holdings()
    const grown = JSON.stringify({ before, after })
    assert.equal(after.active, before.active, grown)
    assert.ok(after.heap - before.heap < 4, grown)
    assert.ok(after.rss - before.rss < 30, grown)
  })
})

describe('an environment that is not closed', () => {
  it('does not keep the process of its test', async () => {
    const file = fileURLToPath(new URL('programs/unclosed.js', import.meta.url))
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
    const ended = run(process.execPath, ['--test-reporter=tap', file], { env, timeout: 20_000 })
    await assert.rejects(ended, ({ code, killed, stdout }) => {
      assert.deepEqual([code, killed], [1, false])
      assert.match(stdout, /before it closes/)
      return true
    })
  })
})

describe('speed', () => {
  it('is a thousand trivial runs a second', async (t) => {
    const { client, settle, expectRun } = await environmentFor(t, { counting })
    const thousand = Array.from({ length: 1_000 }, () => ({}))
    const rates = []
    for (let round = 0; round < 4; round += 1) {
      const began = performance.now()
      const runs = await client.startMany('counting', thousand)
      await settle()
      rates.push(1_000_000 / (performance.now() - began))
      await expectRun(runs.at(-1)).toHaveCompleted()
    }
    const best = Math.max(...rates)
    t.diagnostic(`${Math.round(best)} runs of two nodes a second`)
    // A lax bound: other suites may have the machine.
    assert.ok(best > 100, `${best}`)
  })

  it('is a few milliseconds for a test of one run', async (t) => {
    const took = []
    for (let count = 0; count < 30; count += 1) {
      const began = performance.now()
      const env = await createTestEnvironment({ flows: { counting } })
      await env.expectRun(await env.client.start('counting')).toHaveCompleted({ outputs: { second: 2 } })
      await env.close()
      took.push(performance.now() - began)
    }
    const median = took.sort((one, other) => one - other)[15]
    t.diagnostic(`${median.toFixed(1)} ms`)
    assert.ok(median < 100, `${median} ms`)
  })
})
