// A node that has to say that it goes on: an attempt that does not fails as any other, and what its code does later counts nothing.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HeartbeatTimeoutError } from '@flowcraft/rabbitmq-adapter'
import { BaseNode, createFlow, SubflowNode } from 'flowcraft'
import { deferred } from '../fixtures/deferred.js'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { environmentFor } from '../testing/support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const forEver = () => new Promise(() => {})
const aborted = (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))

/** Runs a flow to its end. */
async function ran(t, flow, options = {}) {
  const adapter = await servers.workerFor(t, flow, options)
  const run = await servers.begin([flow].flat()[0])
  const { context, ...seen } = await servers.settled(run)
  return { run, adapter, context, ...seen }
}

const isTimeout = ({ run, node, ms }, error) => {
  assert.ok(error instanceof HeartbeatTimeoutError, String(error))
  const { name, code, retryable, runId, nodeId, message } = error
  assert.deepEqual(
    { name, code, retryable, runId, nodeId },
    { name: 'HeartbeatTimeoutError', code: 'HEARTBEAT_TIMEOUT', retryable: true, runId: run, nodeId: node },
  )
  assert.match(message, new RegExp(`'${node}' sent no heartbeat for ${ms} ms`))
}

describe('a node with heartbeatMs', () => {
  it('that sends none fails, and its signal says why', async (t) => {
    const reason = deferred()
    const heard = []
    const flow = createFlow('hanging').node(
      'hang',
      async ({ signal }) => {
        reason.resolve(aborted(signal))
        return forEver()
      },
      { config: { heartbeatMs: 80 } },
    )
    const eventBus = { emit: async ({ type, payload }) => void (type === 'node:error' && heard.push(payload.error)) }
    const { run, status, adapter } = await ran(t, flow, { runtime: { eventBus } })
    assert.equal(status, 'failed')
    isTimeout({ run, node: 'hang', ms: 80 }, await reason.promise)
    assert.deepEqual([heard.length, heard[0].cause], [1, await reason.promise])
    const { nodes } = await adapter.client.run(run).describe()
    const [{ message, stack, attempt }] = nodes[0].failedAttempts
    assert.match(message, /sent no heartbeat for 80 ms/)
    assert.deepEqual([stack, attempt], [undefined, 1])
  })

  it('that sends them in time goes on for longer than that', async (t) => {
    let took
    const flow = createFlow('beating').node(
      'work',
      async ({ dependencies: { job }, signal }) => {
        const began = performance.now()
        while (performance.now() - began < 900) {
          await sleep(20)
          job.heartbeat()
        }
        took = performance.now() - began
        return { output: signal.aborted }
      },
      { config: { heartbeatMs: 300 } },
    )
    const { status, context } = await ran(t, flow)
    assert.deepEqual([status, context['_outputs.work']], ['completed', false])
    assert.ok(took >= 900)
  })

  it('that stops to send them fails after the last one', async (t) => {
    let [last, told] = [0, 0]
    const flow = createFlow('stopping').node(
      'work',
      async ({ dependencies: { job }, signal }) => {
        for (let beats = 0; beats < 5; beats++) {
          await sleep(40)
          job.heartbeat()
        }
        last = performance.now()
        await aborted(signal)
        told = performance.now()
        return forEver()
      },
      { config: { heartbeatMs: 150 } },
    )
    assert.equal((await ran(t, flow)).status, 'failed')
    assert.ok(told - last >= 149, `${told - last} ms`)
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`is tried again, and what the first attempt does then counts nothing, retries through the ${retryMode}`, async (t) => {
      const second = deferred()
      const over = deferred()
      const seen = []
      const flow = createFlow('retried').node(
        'work',
        async ({ context, dependencies: { job }, signal }) => {
          seen.push({ attempt: job.attempt, isAborted: signal.aborted })
          if (seen.length === 1) {
            job.heartbeat('first')
            await second.promise
            job.heartbeat('late')
            await context.set('late', true)
            await context.set('both', 'first')
            await context.delete('kept')
            await context.patch([{ op: 'set', key: 'patched', value: true }])
            over.resolve({ attempt: job.attempt, isAborted: signal.aborted, deletes: await context.delete('kept') })
            return { output: 'first' }
          }
          await context.set('both', 'second')
          await context.set('kept', true)
          second.resolve()
          const late = await over.promise
          return { output: { late, progress: await job.lastProgress() } }
        },
        { config: { heartbeatMs: 150, maxRetries: 2, retryDelay: 1 } },
      )
      const { status, context } = await ran(t, flow, { retryMode })
      assert.equal(status, 'completed')
      assert.deepEqual(seen, [
        { attempt: 1, isAborted: false },
        { attempt: 2, isAborted: false },
      ])
      const late = { attempt: 1, isAborted: true, deletes: false }
      assert.deepEqual(context['_outputs.work'], { late, progress: 'first' })
      const { both, kept, late: written, patched } = context
      assert.deepEqual(
        { both, kept, written, patched },
        { both: 'second', kept: true, written: undefined, patched: undefined },
      )
    })

    it(`has no more attempts than maxRetries says, and then its fallback, retries through the ${retryMode}`, async (t) => {
      let attempts = 0
      const flow = createFlow('falling')
        .node(
          'hang',
          async () => {
            attempts += 1
            return forEver()
          },
          { config: { heartbeatMs: 40, maxRetries: 2, retryDelay: 1, fallback: 'instead' } },
        )
        .node('instead', async () => ({ output: 'instead' }))
      const { status, context } = await ran(t, flow, { retryMode })
      assert.deepEqual([status, context['_outputs.instead'], attempts], ['completed', 'instead', 2])
    })
  }

  it('of a class has its fallback take over', async (t) => {
    const caught = []
    class Hang extends BaseNode {
      async exec() {
        return forEver()
      }
      async fallback(error) {
        caught.push(error)
        return { output: 'instead' }
      }
    }
    const flow = createFlow('classes').node('hang', Hang, { config: { heartbeatMs: 40 } })
    const { run, context } = await ran(t, flow)
    assert.equal(context['_outputs.hang'], 'instead')
    assert.equal(caught.length, 1)
    isTimeout({ run, node: 'hang', ms: 40 }, caught[0])
  })

  it('that is cancelled hears that, and no timeout', async (t) => {
    const began = deferred()
    const reason = deferred()
    const flow = createFlow('cancelled').node(
      'work',
      async ({ signal }) => {
        began.resolve()
        reason.resolve(await aborted(signal))
        return {}
      },
      { config: { heartbeatMs: 20_000 } },
    )
    const adapter = await servers.workerFor(t, flow)
    const run = await servers.begin(flow)
    await began.promise
    await adapter.cancel(run)
    assert.equal((await reason.promise).name, 'AbortError')
  })

  it('fails earlier by its config.timeout', async (t) => {
    const flow = createFlow('both').node('hang', forEver, { config: { heartbeatMs: 20_000, timeout: 60 } })
    const { run, status, adapter } = await ran(t, flow)
    assert.equal(status, 'failed')
    assert.match((await adapter.client.run(run).describe()).reason, /timed out after 60 ms/)
  })

  it("of core's own has none: it calls no heartbeat", async (t) => {
    const flow = createFlow('sleeping').sleep('nap', { duration: 120 })
    const blueprint = flow.toBlueprint()
    blueprint.nodes[0].config = { heartbeatMs: 1 }
    const own = { toBlueprint: () => blueprint, getFunctionRegistry: () => flow.getFunctionRegistry() }
    assert.equal((await ran(t, own)).status, 'completed')
  })

  it('that has no job, inside a subflow that runs whole, has none', async (t) => {
    let job = 'unknown'
    const inner = createFlow('inner').node(
      'nap',
      async ({ dependencies }) => {
        job = dependencies.job
        await sleep(60)
        return {}
      },
      { config: { heartbeatMs: 1 } },
    )
    const outer = createFlow('outer').node('sub', SubflowNode, { params: { blueprintId: 'inner' } })
    assert.equal((await ran(t, [outer, inner], { subflows: 'whole' })).status, 'completed')
    assert.equal(job, undefined)
  })

  for (const heartbeatMs of [0, -1, 1.5, '30', 2 ** 31]) {
    it(`that is ${JSON.stringify(heartbeatMs)} has none, and the worker says so at its start`, async (t) => {
      const lines = []
      const note = (message) => void lines.push(message)
      const logger = { debug: note, info: note, warn: note, error: note }
      const flow = createFlow('wrong').node('nap', async () => sleep(30).then(() => ({})), { config: { heartbeatMs } })
      assert.equal((await ran(t, flow, { runtime: { logger } })).status, 'completed')
      const said = lines.filter((line) => line.includes('heartbeatMs'))
      assert.equal(said.length, 1, lines.join('\n'))
      assert.match(said[0], /'wrong'.*'nap'/)
    })
  }

  it('goes by the clock of a test environment', async (t) => {
    const reasons = []
    const flow = createFlow('slow').node(
      'work',
      async ({ dependencies: { job }, signal }) => {
        if (job.attempt > 1) return { output: job.attempt }
        signal.addEventListener('abort', () => reasons.push(signal.reason))
        return forEver()
      },
      { config: { heartbeatMs: 3_600_000, maxRetries: 2 } },
    )
    const { client, clock, expectRun, untilExecuting } = await environmentFor(t, { slow: flow })
    const run = await client.start('slow')
    await untilExecuting('work')
    await clock.advance('59 minutes')
    assert.deepEqual(reasons, [])
    await clock.advance('2 minutes')
    await expectRun(run).toHaveCompleted({ outputs: { work: 2 } })
    assert.deepEqual([reasons.length, reasons[0].code], [1, 'HEARTBEAT_TIMEOUT'])
  })
})
