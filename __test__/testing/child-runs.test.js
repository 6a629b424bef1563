// Child runs while a server is out of reach: neither run fails for it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { childRun, RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { counting, environmentFor } from './support.js'

/** A parent of `counting`. */
const parentOf = (options) => createFlow('parent').node('ask', childRun('counting', options))

/** A logger, and whether it was given a line like this. */
function logged() {
  const lines = []
  const note = (line) => lines.push(line)
  const logger = { debug: note, info: note, warn: note, error: note }
  const has = (pattern) => lines.some((line) => pattern.test(line))
  return { logger, has, lines }
}

async function until(isSo, lines) {
  const begun = performance.now()
  while (!isSo()) {
    assert.ok(performance.now() - begun < 15_000, `not within 15 s:\n${lines.join('\n')}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('PostgreSQL is out of reach', () => {
  it('while a node starts its child: it is started later, and no attempt is spent', async (t) => {
    let asked = 0
    const parent = parentOf({
      context: async () => {
        asked += 1
        if (asked === 2) await env.fail('postgres')
        return {}
      },
      output: ({ second }) => second,
    })
    const { logger, has, lines } = logged()
    const env = await environmentFor(t, { parent, counting }, { patience: 20_000, runtime: { logger } })
    // By the first one the worker knows its fleet.
    await env.expectRun(await env.client.start('parent')).toHaveCompleted()
    const run = await env.client.start('parent')
    await until(() => has(/runs again in 1000 ms: A child run of 'counting' cannot be started/), lines)
    await env.restore('postgres')
    await env.settle()
    await env.clock.advance('2 s')
    await env.expectRun(run).toHaveCompleted({ outputs: { ask: 2 } })
    assert.equal(asked, 3)
    assert.equal((await env.client.list({ blueprintId: 'counting' })).runs.length, 2)
  })

  it('while the node reads its child’s result: it reads it later', async (t) => {
    const parent = parentOf({ output: ({ second }) => second })
    const { logger, has, lines } = logged()
    let begun = 0
    class Adapter extends RabbitMqAdapter {
      async onJobStart(_runId, _blueprintId, nodeId) {
        if (nodeId === 'ask' && ++begun === 2) await env.fail('postgres')
      }
    }
    const env = await environmentFor(t, { parent, counting }, { patience: 20_000, Adapter, runtime: { logger } })
    const run = await env.client.start('parent')
    await until(() => has(/runs again in 1000 ms: The result of the child run '[^']+' cannot be read/), lines)
    await env.restore('postgres')
    await env.settle()
    await env.clock.advance('2 s')
    await env.expectRun(run).toHaveCompleted({ outputs: { ask: 2 } })
    assert.equal(begun, 3)
  })
})

describe('a child that is removed before its parent has read its result', () => {
  it('fails the node, which says so', async (t) => {
    const parent = parentOf({ output: ({ second }) => second })
    let begun = 0
    class Adapter extends RabbitMqAdapter {
      async onJobStart(_runId, _blueprintId, nodeId) {
        if (nodeId !== 'ask' || ++begun < 2) return
        const { runs } = await env.client.list({ blueprintId: 'counting' })
        await env.client.run(runs[0].runId).delete()
      }
    }
    const env = await environmentFor(t, { parent, counting }, { Adapter })
    const run = await env.client.start('parent')
    await env.expectRun(run).toHaveFailed({ reason: /is removed: it had completed/, nodes: ['ask'] })
  })
})

describe('RabbitMQ is out of reach', () => {
  it('while a run is cancelled: it is, and so is the child that it waits for', async (t) => {
    const asking = createFlow('asking').wait('word', { params: { eventName: 'word' } })
    const parent = createFlow('parent').node('ask', childRun('asking'))
    const env = await environmentFor(t, { parent, asking })
    const run = await env.client.start('parent')
    await env.expectRun(run).toAwait('ask')
    const { runs } = await env.client.list({ blueprintId: 'asking' })
    await env.fail('rabbitmq')
    await run.cancel('enough')
    await env.expectRun(run).toHaveBeenCancelled()
    await env.expectRun(runs[0].runId).toHaveBeenCancelled()
    await env.restore('rabbitmq')
  })
})
