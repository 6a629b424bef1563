// Every attempt at a node that failed, as `describe` tells of it: whether it was tried again through the queue, within its job, by a
// fallback, or because the whole run was retried.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { RetryAfter } from '@flowcraft/rabbitmq-adapter'
import { BaseNode, createFlow, FlowcraftError } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { clientFor } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const ENDS = { timeoutMs: 20_000 }

/** A node that fails so often, and then is done. */
function failing(times, error = (attempt) => new Error(`declined ${attempt}`)) {
  let attempts = 0
  return async function charge() {
    attempts += 1
    if (attempts <= times) throw error(attempts)
    return { output: 'charged' }
  }
}

/** What is known of a node of a run of this flow, once the run is over. */
async function ended(t, flow, { options = {}, node = 'charge', flows = [] } = {}) {
  await servers.workerFor(t, [flow, ...flows], options)
  const client = clientFor(t, servers, [flow, ...flows])
  const run = await client.start(flow.toBlueprint().id)
  await run.result(ENDS).catch((error) => assert.equal(error.code, 'RUN_FAILED'))
  const known = async () => (await run.describe()).nodes.find(({ nodeId }) => nodeId === node)
  return { run, known, ...(await known()) }
}

const numbers = (attempts) => attempts.map(({ execution, attempt }) => [execution, attempt])
const messages = (attempts) => attempts.map(({ message }) => /declined \d+|no \w+/.exec(message)?.[0])

describe('attempts that failed', () => {
  it('through the queue are all told of, with moment, worker and stack', async (t) => {
    const flow = createFlow('queued').node('charge', failing(2), { config: { maxRetries: 3, retryDelay: 20 } })
    const { failedAttempts, lastError, startedAt, worker } = await ended(t, flow, { options: { retryMode: 'queue' } })
    assert.deepEqual(messages(failedAttempts), ['declined 1', 'declined 2'])
    assert.deepEqual(numbers(failedAttempts), [
      [1, 1],
      [1, 2],
    ])
    assert.deepEqual(lastError, failedAttempts[1])
    for (const { stack, endedAt, worker: by } of failedAttempts) {
      assert.match(stack, /^at .*failed-attempts\.test\.js:\d+:\d+\)\nat charge \(.*failed-attempts\.test\.js/)
      assert.doesNotMatch(stack, /executors|attempts\.js|counted\.js|node:internal/)
      assert.ok(endedAt <= startedAt, `${endedAt} ${startedAt}`)
      assert.equal(by, worker)
    }
  })

  it('within one job are told of too, one after the other', async (t) => {
    const flow = createFlow('within').node('charge', failing(2), { config: { maxRetries: 3, retryDelay: 20 } })
    const found = await ended(t, flow)
    const { state, failedAttempts, lastError, startedAt, endedAt } = found
    assert.equal(state, 'done')
    assert.deepEqual(messages(failedAttempts), ['declined 1', 'declined 2'])
    assert.deepEqual(numbers(failedAttempts), [
      [1, 1],
      [1, 2],
    ])
    const moments = failedAttempts.map(({ endedAt: at }) => at.getTime())
    assert.ok(moments[0] <= moments[1], `${moments}`)
    assert.ok(startedAt.getTime() - 5 <= moments[0] && moments[1] <= endedAt.getTime(), `${startedAt} ${moments}`)
    assert.match(failedAttempts[0].stack, /failed-attempts\.test\.js/)
    assert.deepEqual(lastError, failedAttempts[1])
  })

  it('end with the one that failed the run, and go on where the run is retried', async (t) => {
    const flow = createFlow('failing').node('charge', failing(3), { config: { maxRetries: 2 } })
    const { run, known, error, failedAttempts, lastError } = await ended(t, flow)
    assert.deepEqual(messages(failedAttempts), ['declined 1', 'declined 2'])
    assert.equal(error, failedAttempts[1].message)
    assert.deepEqual(lastError, failedAttempts[0])
    await run.retry()
    await run.result(ENDS)
    const mended = await known()
    assert.deepEqual(numbers(mended.failedAttempts), [
      [1, 1],
      [1, 2],
      [2, 1],
    ])
    assert.deepEqual(messages(mended.failedAttempts), ['declined 1', 'declined 2', 'declined 3'])
    assert.equal(mended.error, undefined)
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`whose place a class's own fallback takes are kept, retried ${retryMode}`, async (t) => {
      class Charge extends BaseNode {
        async exec() {
          throw new Error('no card')
        }
        async fallback() {
          return { output: 'cash' }
        }
      }
      const flow = createFlow('by-class').node('charge', Charge)
      const { state, failedAttempts } = await ended(t, flow, { options: { retryMode } })
      assert.deepEqual([state, messages(failedAttempts)], ['done', ['no card']])
      assert.match(failedAttempts[0].stack, /Charge\.exec/)
    })
  }

  it('of a class whose post fails afterwards are kept beside that', async (t) => {
    let tries = 0
    class Charge extends BaseNode {
      async exec() {
        tries += 1
        if (tries === 1) throw new Error('declined 1')
        return { output: 'charged' }
      }
      async post() {
        throw new Error('no ledger')
      }
    }
    const flow = createFlow('by-post').node('charge', Charge, { config: { maxRetries: 2 } })
    const { state, failedAttempts } = await ended(t, flow)
    assert.equal(state, 'failed')
    assert.deepEqual(messages(failedAttempts).slice(0, 1), ['declined 1'])
    assert.deepEqual(messages(failedAttempts).at(-1), 'no ledger')
  })

  it('whose place a fallback node takes are kept', async (t) => {
    const flow = createFlow('by-node')
      .node('charge', failing(9), { config: { maxRetries: 2, fallback: 'cash' } })
      .node('cash', async () => ({ output: 'cash' }))
    const { replaced, failedAttempts, lastError } = await ended(t, flow)
    assert.deepEqual([replaced, messages(failedAttempts)], [true, ['declined 1', 'declined 2']])
    assert.deepEqual(lastError, failedAttempts[1])
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`are the first and the last nine of many, retried ${retryMode}`, async (t) => {
      const flow = createFlow('many').node('charge', failing(14), { config: { maxRetries: 15, retryDelay: 1 } })
      const { failedAttempts } = await ended(t, flow, { options: { retryMode, retryMaxDelay: 1 } })
      assert.deepEqual(
        failedAttempts.map(({ attempt }) => attempt),
        [1, 6, 7, 8, 9, 10, 11, 12, 13, 14],
      )
      assert.deepEqual(
        messages(failedAttempts),
        failedAttempts.map(({ attempt }) => `declined ${attempt}`),
      )
    })
  }

  it('inside a subflow are those of its nodes', async (t) => {
    const inner = createFlow('inner').node('charge', failing(1), { config: { maxRetries: 2 } })
    const outer = createFlow('outer').node('after', async () => ({ output: 2 }))
    const blueprint = outer.toBlueprint()
    blueprint.nodes.unshift({ id: 'sub', uses: 'subflow', params: { blueprintId: 'inner' } })
    blueprint.edges.push({ source: 'sub', target: 'after' })
    const flow = { toBlueprint: () => blueprint, getFunctionRegistry: () => outer.getFunctionRegistry() }
    const options = { subflows: 'jobs' }
    const { state, failedAttempts } = await ended(t, flow, { options, node: 'sub/charge', flows: [inner] })
    assert.deepEqual([state, messages(failedAttempts)], ['done', ['declined 1']])
  })

  it('say where a node only asked for a later time, once however often it did', async (t) => {
    const thrown = [new RetryAfter(20, 'no money yet'), new RetryAfter(20, 'no luck yet'), new Error('no card')]
    const fails = failing(3, (attempt) => thrown[attempt - 1])
    const flow = createFlow('later').node('charge', fails, { config: { maxRetries: 2, retryDelay: 20 } })
    const { state, failedAttempts } = await ended(t, flow, { options: { retryMode: 'queue' } })
    assert.equal(state, 'done')
    assert.deepEqual(
      failedAttempts.map(({ attempt, postponed }) => [attempt, postponed]),
      [
        [1, true],
        [1, undefined],
      ],
    )
    assert.deepEqual(messages(failedAttempts), ['no luck', 'no card'])
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`are counted once, whatever core makes of their errors, retried ${retryMode}`, async (t) => {
      class Heeding extends BaseNode {
        async exec() {
          throw new Error('no card')
        }
        async fallback() {
          throw new Error('no cash')
        }
      }
      const kinds = {
        text: failing(9, (attempt) => `declined ${attempt}`),
        strange: failing(9, (attempt) => runInNewContext('new Error(message)', { message: `declined ${attempt}` })),
        aborted: failing(9, () => new DOMException('no time', 'AbortError')),
        replaced: Heeding,
      }
      for (const [kind, implementation] of Object.entries(kinds)) {
        const flow = createFlow(kind).node('charge', implementation, { config: { maxRetries: 2, retryDelay: 1 } })
        const { state, failedAttempts } = await ended(t, flow, { options: { retryMode } })
        assert.equal(state, 'failed', kind)
        const counted = failedAttempts.map(({ attempt }) => attempt)
        assert.deepEqual(counted, kind === 'aborted' && retryMode === 'in-process' ? [1] : [1, 2], kind)
      }
    })

    it(`leave a class what it is, retried ${retryMode}`, async (t) => {
      class Charge extends BaseNode {
        static #price = 7
        async exec(prepared, context, depth = 0) {
          if (this.constructor !== Charge) throw new Error('no class of its own')
          if (prepared === 'cheap') return { output: this.constructor.#price }
          if (depth < 3) return this.exec(prepared, context, depth + 1)
          throw new Error('no card')
        }
        async fallback() {
          return this.exec('cheap')
        }
      }
      const flow = createFlow('itself').node('charge', Charge)
      const { state, failedAttempts, run } = await ended(t, flow, { options: { retryMode } })
      assert.deepEqual([state, messages(failedAttempts)], ['done', ['no card']])
      assert.deepEqual(numbers(failedAttempts), [[1, 1]])
      assert.equal((await run.result(ENDS)).context['_outputs.charge'], 7)
    })
  }

  it('of a node that takes too long are one, whether its code heeds its signal or not', async (t) => {
    for (const heeds of [true, false]) {
      const slow = async ({ signal }) => {
        await sleep(5_000, undefined, heeds ? { signal } : { ref: false })
        return { output: 1 }
      }
      const flow = createFlow(`slow-${heeds}`).node('charge', slow, { config: { timeout: 30 } })
      const { state, failedAttempts } = await ended(t, flow)
      assert.deepEqual([state, numbers(failedAttempts)], ['failed', [[1, 1]]])
      assert.match(failedAttempts[0].message, /timed out after 30 ms/)
    }
  })

  it('in the laps of a loop keep the number of their execution', async (t) => {
    let calls = 0
    const charge = async ({ context }) => {
      calls += 1
      await context.set('more', calls < 5)
      if (calls === 1 || calls === 4) throw new Error(`declined ${calls}`)
      return { output: calls }
    }
    const flow = createFlow('looped')
      .node('charge', charge, { config: { maxRetries: 2 } })
      .loop('again', { startNodeId: 'charge', endNodeId: 'charge', condition: 'more' })
    const { failedAttempts } = await ended(t, flow)
    assert.deepEqual(messages(failedAttempts), ['declined 1', 'declined 4'])
    assert.deepEqual(numbers(failedAttempts), [
      [1, 1],
      [3, 1],
    ])
  })

  it('of nodes inside a subflow that core runs whole are not its container’s', async (t) => {
    const seen = []
    class Inner extends BaseNode {
      async exec(_, { dependencies }) {
        seen.push(dependencies.job)
        if (seen.length < 3) throw new Error('no luck')
        return { output: 1 }
      }
    }
    const inner = createFlow('inner').node('work', Inner, { config: { maxRetries: 3 } })
    const outer = createFlow('outer').node('after', async () => ({ output: 2 }))
    const blueprint = outer.toBlueprint()
    blueprint.nodes.unshift({ id: 'sub', uses: 'subflow', params: { blueprintId: 'inner' } })
    blueprint.edges.push({ source: 'sub', target: 'after' })
    const flow = { toBlueprint: () => blueprint, getFunctionRegistry: () => outer.getFunctionRegistry() }
    const options = { subflows: 'whole' }
    const { state, failedAttempts } = await ended(t, flow, { options, node: 'sub', flows: [inner] })
    assert.deepEqual([state, failedAttempts, seen], ['done', undefined, [undefined, undefined, undefined]])
  })

  it('say what can be said of whatever was thrown', async (t) => {
    const odd = new Error('no stack')
    Object.defineProperty(odd, 'stack', {
      get() {
        throw new Error('never')
      },
    })
    const thrown = [odd, 'no error', new Error('no reason', { cause: new FlowcraftError('no more') })]
    const flow = createFlow('odd').node(
      'charge',
      failing(3, (attempt) => thrown[attempt - 1]),
      { config: { maxRetries: 4 } },
    )
    const { failedAttempts } = await ended(t, flow)
    assert.deepEqual(messages(failedAttempts), ['no stack', 'no error', 'no reason'])
    assert.deepEqual(
      failedAttempts.map(({ stack }) => stack !== undefined),
      [false, false, true],
    )
  })
})
