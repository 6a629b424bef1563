// What becomes of a child run where its parent goes another way, and of the parent where its child cannot be started or goes another way.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { childRun } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { inMemory, openSharedServers, until } from '../fixtures/shared-servers.js'
import { asking, childOf, decliningOnce, ENDS, failureOf, outputOf } from './support/child-runs.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A parent of a child that waits for a word. */
const parentOf = (id, options) => createFlow(id).node('ask', childRun('asking', options))

async function scene(t, flows, options) {
  await servers.workerFor(t, flows, options)
  return clientFor(t, servers, flows, options?.queues && { queues: options.queues })
}

describe('a child', () => {
  it('goes on where a person decides for its parent, and its end changes nothing', async (t) => {
    const parent = parentOf('decided')
    const client = await scene(t, [parent, asking])
    const run = await client.start('decided')
    const child = await childOf(client, run)
    await run.resume({ nodeId: 'ask', output: 'by hand' })
    assert.equal(await outputOf(run, 'ask'), 'by hand')
    assert.equal((await child.describe()).status, 'awaiting')
    await child.sendEvent('word', 'late')
    await child.result(ENDS)
    assert.equal(await outputOf(run, 'ask'), 'by hand')
  })

  it('is waited for where another node of its parent has failed', async (t) => {
    const torn = parentOf('torn').node('other', async () => {
      throw new Error('the other one fails')
    })
    const client = await scene(t, [torn, asking])
    const run = await client.start('torn')
    const child = await childOf(client, run)
    await until(async () => (await run.describe()).nodes.some(({ state }) => state === 'failed'))
    assert.equal((await run.describe()).status, 'awaiting')
    await child.sendEvent('word', 'alone')
    assert.match((await failureOf(run)).message, /the other one fails/)
    assert.equal(await outputOf(child, 'word'), 'alone')
  })

  it('that is tried again by itself does not bring back its parent', async (t) => {
    const once = decliningOnce()
    const parent = createFlow('given-up').node('pay', childRun('once'))
    const client = await scene(t, [parent, once])
    const run = await client.start('given-up')
    await failureOf(run)
    const child = client.run((await client.list({ blueprintId: 'once' })).runs[0].runId)
    await child.retry()
    assert.equal(await outputOf(child, 'charge'), 'charged')
    assert.equal((await run.describe()).status, 'failed')
  })

  it('is another one each time round a loop', async (t) => {
    const square = createFlow('square').node('square', async ({ context }) => ({
      output: (await context.get('input')) ** 2,
    }))
    const rounds = createFlow('rounds')
      .node('start', async ({ context }) => {
        await context.set('n', 1)
        await context.set('more', true)
      })
      .node('step', async ({ context }) => {
        const n = (await context.get('n')) + 1
        await context.set('n', n)
        await context.set('more', n < 4)
        return { output: n }
      })
      .node('ask', childRun('square', { output: ({ square: output }) => output }))
      .edge('start', 'again')
      .edge('step', 'ask')
      .loop('again', { startNodeId: 'step', endNodeId: 'ask', condition: 'more' })
    const client = await scene(t, [rounds, square])
    const run = await client.start('rounds')
    assert.equal(await outputOf(run, 'ask'), 16)
    assert.equal((await client.list({ blueprintId: 'square' })).runs.length, 3)
  })

  it('goes through the queue of its own blueprint', async (t) => {
    const other = `${servers.queue}_asking`
    const parent = parentOf('elsewhere')
    const queues = new Map()
    const emit = ({ type, payload }) => type === 'job:enqueued' && queues.set(payload.runId, payload.queueName)
    const client = await scene(t, [parent, asking], { queues: { asking: other }, eventBus: { emit } })
    const run = await client.start('elsewhere')
    const child = await childOf(client, run)
    await until(() => queues.has(child.runId))
    assert.equal(queues.get(child.runId), other)
    await child.sendEvent('word', 'there')
    assert.equal((await outputOf(run, 'ask')).word, 'there')
  })
})

describe('a run that says that it waits for itself', () => {
  it('is cancelled, once', async (t) => {
    const circle = createFlow('circle').node('own', async ({ dependencies: { job, workflowState } }) => {
      const details = { reason: 'child_run', childRunId: job.runId, blueprintId: 'circle', event: 'never' }
      await workflowState.markAsAwaiting(job.nodeId, details)
      return {}
    })
    const client = await scene(t, [circle])
    const run = await client.start('circle')
    await childOf(client, run, 'own')
    await run.cancel('enough')
    assert.equal((await run.describe()).status, 'cancelled')
  })
})

describe('a node that waits for a child fails', () => {
  it('where the blueprint has another version', async (t) => {
    const parent = parentOf('versioned', { version: '7' })
    const client = await scene(t, [parent, asking])
    assert.match((await failureOf(await client.start('versioned'))).message, /'asking' is of version .* not/)
  })

  it('where its worker has no such blueprint', async (t) => {
    const parent = createFlow('lonely').node('ask', childRun('nowhere'))
    const client = await scene(t, [parent])
    assert.match((await failureOf(await client.start('lonely'))).message, /nowhere/)
  })

  it('inside a subflow that runs whole', async (t) => {
    const inner = parentOf('inner')
    const nesting = {
      toBlueprint: () => ({
        id: 'nesting',
        nodes: [{ id: 'inside', uses: 'subflow', params: { blueprintId: 'inner' } }],
        edges: [],
      }),
      getFunctionRegistry: () => new Map(),
    }
    const client = await scene(t, [nesting, inner, asking], { subflows: 'whole' })
    assert.match((await failureOf(await client.start('nesting'))).message, /not inside a subflow that runs whole/)
  })

  it('in memory, where the child pauses', async () => {
    const runtime = { blueprints: { asking: asking.toBlueprint() }, registry: {} }
    const { status, errors } = await inMemory(parentOf('hasty'), {}, runtime)
    assert.equal(status, 'failed')
    assert.match(errors[0].message, /The child run 'asking' is awaiting/)
  })
})
