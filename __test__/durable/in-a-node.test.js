// What a node's code is told of its job, and how it asks to be run again later.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { BaseNode, createFlow, SubflowNode, UnsafeEvaluator } from 'flowcraft'
import { RetryAfter } from '../../dist/index.js'
import { openSharedServers } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Runs a flow to its end, on two workers. */
async function ran(flow, options = {}) {
  await servers.freshQueue()
  const adapters = [1, 2].map(() => servers.adapter(flow, options))
  try {
    const run = await servers.begin([flow].flat()[0])
    return { run, ...(await servers.settled(run)) }
  } finally {
    await Promise.all(adapters.map((adapter) => adapter.stop()))
  }
}

/** What a job tells, as data. */
const told = ({ runId, blueprintId, nodeId, path, execution, attempt, idempotencyKey }) => ({
  runId,
  blueprintId,
  nodeId,
  path,
  execution,
  attempt,
  idempotencyKey,
})

describe('a node finds its job', () => {
  it('with its names, its attempt and its worker', async () => {
    const jobs = []
    const flow = createFlow('telling').node('a', async ({ dependencies }) => {
      jobs.push({ ...told(dependencies.job), worker: dependencies.job.worker })
      return {}
    })
    const { run } = await ran(flow)
    const [{ idempotencyKey, worker, ...job }] = jobs
    assert.deepEqual(job, { runId: run, blueprintId: 'telling', nodeId: 'a', path: 'a', execution: 1, attempt: 1 })
    assert.match(idempotencyKey, /^[\w-]{43}$/)
    assert.match(worker, new RegExp(`:${process.pid}:`))
  })

  for (const retryMode of ['in-process', 'queue']) {
    it(`with one idempotency key for all attempts, retries through the ${retryMode}`, async () => {
      const jobs = []
      const failsTwice = ({ dependencies }) => {
        jobs.push(told(dependencies.job))
        if (dependencies.job.attempt < 3) throw new Error('not yet')
        return {}
      }
      class Trying extends BaseNode {
        async exec(_, context) {
          failsTwice(context)
          return { output: 1 }
        }
      }
      const config = { maxRetries: 3, retryDelay: 10 }
      const flow = createFlow('trying')
        .node('f', async (given) => failsTwice(given), { config })
        .node('c', Trying, { config })
        .edge('f', 'c')
      assert.equal((await ran(flow, { retryMode })).status, 'completed')
      for (const node of ['f', 'c']) {
        const own = jobs.filter(({ nodeId }) => nodeId === node)
        assert.deepEqual(
          own.map(({ attempt }) => attempt),
          [1, 2, 3],
        )
        assert.equal(new Set(own.map(({ idempotencyKey }) => idempotencyKey)).size, 1)
      }
      assert.equal(new Set(jobs.map(({ idempotencyKey }) => idempotencyKey)).size, 2)
    })
  }

  it('in a loop with another key for each execution', async () => {
    const jobs = []
    const flow = createFlow('looping')
      .node('begin', async ({ context }) => {
        await context.set('n', 0)
        return {}
      })
      .node('count', async ({ context, dependencies }) => {
        jobs.push(told(dependencies.job))
        await context.set('n', jobs.length)
        return {}
      })
      .loop('again', { startNodeId: 'count', endNodeId: 'count', condition: 'n < 3' })
      .edge('begin', 'again')
    const runtime = { evaluator: new UnsafeEvaluator() }
    assert.equal((await ran(flow, { runtime })).status, 'completed')
    assert.deepEqual(
      jobs.map(({ execution }) => execution),
      [1, 2, 3],
    )
    assert.equal(new Set(jobs.map(({ idempotencyKey }) => idempotencyKey)).size, 3)
  })

  it('inside a subflow by its path', async () => {
    const jobs = []
    const inner = createFlow('inner').node('b', async ({ dependencies }) => {
      jobs.push(told(dependencies.job))
      return { output: 1 }
    })
    const outer = createFlow('outer').node('sub', SubflowNode, { params: { blueprintId: 'inner' } })
    const outcome = await ran([outer, inner], { subflows: 'jobs' })
    assert.equal(outcome.status, 'completed')
    assert.equal(jobs.length, 1)
    const [{ idempotencyKey: _, ...job }] = jobs
    const names = { blueprintId: 'inner', nodeId: 'b', path: 'sub/b' }
    assert.deepEqual(job, { runId: outcome.run, ...names, execution: 1, attempt: 1 })
  })

  it('with a logger whose lines carry its names', async () => {
    const lines = []
    const note = (message, meta) => lines.push({ message, meta })
    const logger = { debug: note, info: note, warn: note, error: note }
    const flow = createFlow('logging').node('a', async ({ dependencies }) => {
      dependencies.job.logger.info('charging', { amount: 7 })
      return {}
    })
    const { run } = await ran(flow, { runtime: { logger } })
    const meta = { amount: 7, run, node: 'a', blueprint: 'logging', attempt: 1 }
    assert.deepEqual(
      lines.filter(({ message }) => message === 'charging').map(({ meta: { worker: _, ...own } }) => own),
      [meta],
    )
  })
})

describe('RetryAfter', () => {
  for (const retryMode of ['in-process', 'queue']) {
    it(`runs the node again later, and counts as no attempt, retries through the ${retryMode}`, async () => {
      const heard = []
      const attempts = []
      const began = []
      const flow = createFlow('limited')
        .node(
          'call',
          async ({ dependencies }) => {
            attempts.push(dependencies.job.attempt)
            began.push(Date.now())
            if (attempts.length <= 3) throw new RetryAfter(60, 'the provider said 429')
            return { output: 'answered' }
          },
          { config: { maxRetries: 2, retryDelay: 10, fallback: 'instead' } },
        )
        .node('instead', async () => ({ output: 'instead' }))
      const eventBus = { emit: async ({ type }) => void heard.push(type) }
      const { status, context } = await ran(flow, { retryMode, runtime: { eventBus } })
      assert.equal(status, 'completed')
      assert.equal(context['_outputs.call'], 'answered')
      assert.equal('_outputs.instead' in context, false)
      assert.deepEqual(attempts, [1, 1, 1, 1])
      for (let i = 1; i < began.length; i++) assert.ok(began[i] - began[i - 1] >= 55, `${began[i] - began[i - 1]} ms`)
      assert.deepEqual(
        heard.filter((type) => ['node:error', 'node:fallback', 'job:failed'].includes(type)),
        [],
      )
    })
  }

  it('does not touch the attempts that fail', async () => {
    const attempts = []
    const flow = createFlow('between').node(
      'call',
      async ({ dependencies }) => {
        attempts.push(dependencies.job.attempt)
        if (attempts.length % 2 === 1) throw new RetryAfter(1)
        throw new Error('down')
      },
      { config: { maxRetries: 2, retryDelay: 1 } },
    )
    assert.equal((await ran(flow, { retryMode: 'queue' })).status, 'failed')
    assert.deepEqual(attempts, [1, 1, 2, 2])
  })

  it('from a class node reaches neither its fallback nor its recover', async () => {
    const calls = []
    class Call extends BaseNode {
      async exec() {
        calls.push('exec')
        if (calls.length === 1) throw new RetryAfter(1)
        return { output: 'answered' }
      }
      async fallback() {
        calls.push('fallback')
        return { output: 'instead' }
      }
    }
    const { context } = await ran(createFlow('classes').node('call', Call, { config: { maxRetries: 3 } }))
    assert.equal(context['_outputs.call'], 'answered')
    assert.deepEqual(calls, ['exec', 'exec'])
  })

  it('inside a subflow runs that node again alone', async () => {
    const calls = []
    const inner = createFlow('inner-limited')
      .node('first', async () => {
        calls.push('first')
        return {}
      })
      .node('call', async () => {
        calls.push('call')
        if (calls.length === 2) throw new RetryAfter(1)
        return { output: 1 }
      })
      .edge('first', 'call')
    const outer = createFlow('outer-limited').node('sub', SubflowNode, { params: { blueprintId: 'inner-limited' } })
    assert.equal((await ran([outer, inner], { subflows: 'jobs' })).status, 'completed')
    assert.deepEqual(calls, ['first', 'call', 'call'])
  })

  it('takes only a time', () => {
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined]) {
      assert.throws(() => new RetryAfter(wrong), TypeError)
    }
    assert.equal(new RetryAfter(0).afterMs, 0)
  })
})
