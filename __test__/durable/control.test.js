// Whoever runs a fleet: retries through the queue, timeouts, cancelling, trying again, versions, unknown blueprints.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** The dead letters of the present queue, each with its headers. */
async function deadLetter(queue = servers.queue) {
  const dead = `${queue}.dead`
  await servers.declareQueue(dead)
  const { content, headers } = await until(() => servers.take(dead), { what: 'a dead letter' })
  return { job: JSON.parse(content), headers }
}

describe('retryMode: queue', () => {
  /** The documentation's operation that fails twice. */
  const risky = (attempts, config, failures = 2) =>
    createFlow('retry-workflow').node(
      'risky-operation',
      async ({ dependencies }) => {
        attempts.push({ at: Date.now(), last: dependencies.workflowState.isLastAttempt })
        if (attempts.length <= failures) throw new Error('Temporary failure!')
        return { output: `Succeeded on attempt ${attempts.length}` }
      },
      { config },
    )

  it('makes each attempt a job of its own, later each time', async (t) => {
    const [attempts, jobs] = [[], []]
    class Noting extends RabbitMqAdapter {
      async onJobStart(_runId, _blueprintId, nodeId) {
        jobs.push(nodeId)
      }
    }
    const enqueued = []
    const eventBus = { emit: async ({ type, payload }) => void (type === 'job:enqueued' && enqueued.push(payload)) }
    const flow = risky(attempts, { maxRetries: 3, retryDelay: 200 })
    await servers.workerFor(t, flow, { retryMode: 'queue', Adapter: Noting, eventBus })
    const { status, context } = await servers.run(flow)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.risky-operation'], 'Succeeded on attempt 3')
    assert.equal(jobs.length, 3)
    assert.equal(enqueued.length, 2)
    assert.deepEqual(
      attempts.map(({ last }) => last),
      [false, false, true],
    )
    const [first, second] = [attempts[1].at - attempts[0].at, attempts[2].at - attempts[1].at]
    t.diagnostic(`${first} ms, ${second} ms`)
    assert.ok(first >= 150 && first < 1200, `${first} ms`)
    assert.ok(second >= 300 && second < 1400, `${second} ms`)
  })

  it('leaves the worker free between two attempts', async (t) => {
    const attempts = []
    const flow = risky(attempts, { maxRetries: 2, retryDelay: 1000 }, 1)
    const quick = createFlow('quick').node('quick', () => ({ output: 1 }))
    await servers.workerFor(t, [flow, quick], { retryMode: 'queue', concurrency: 1 })
    const runId = await servers.begin(flow)
    await until(() => attempts.length === 1)
    for (let i = 0; i < 5; i++) assert.equal((await servers.run(quick)).status, 'completed')
    assert.equal(attempts.length, 1)
    assert.equal((await servers.look(runId)).status, 'running')
    assert.equal((await servers.settled(runId)).status, 'completed')
    assert.equal(attempts.length, 2)
  })

  it('fails after the last attempt, with the last reason', async (t) => {
    const attempts = []
    const flow = risky(attempts, { maxRetries: 3, retryDelay: 10 }, 9)
    await servers.workerFor(t, flow, { retryMode: 'queue' })
    const { status, result } = await servers.run(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'risky-operation'.*Temporary failure!/)
    assert.equal(attempts.length, 3)
  })

  it('lets the fallback take over after the last attempt only', async (t) => {
    const ran = []
    const flow = createFlow('fallback-workflow')
      .node(
        'primary-api',
        async () => {
          ran.push('primary')
          throw new Error('Primary API is down')
        },
        { config: { maxRetries: 2, retryDelay: 20, fallback: 'secondary-api' } },
      )
      .node('secondary-api', async () => {
        ran.push('secondary')
        return { output: 'Data from secondary API' }
      })
      .node('process-data', async ({ input }) => ({ output: `Processed: ${input}` }))
      .edge('primary-api', 'process-data')
      .edge('secondary-api', 'process-data')
    await servers.workerFor(t, flow, { retryMode: 'queue' })
    const { status, context } = await servers.run(flow, {}, { starts: ['primary-api'] })
    assert.equal(status, 'completed')
    assert.deepEqual(ran, ['primary', 'primary', 'secondary'])
    assert.equal(context['_outputs.process-data'], 'Processed: Data from secondary API')
  })

  it('is spaced as a subclass says', async (t) => {
    class Patient extends RabbitMqAdapter {
      shouldRetryInProcess() {
        return false
      }
      getQueueRetryOptions() {
        return { attempts: 4, delay: 20, maxDelay: 40 }
      }
    }
    const attempts = []
    const flow = risky(attempts, { maxRetries: 1 }, 3)
    await servers.workerFor(t, flow, { Adapter: Patient })
    const { status } = await servers.run(flow)
    assert.equal(status, 'completed')
    assert.deepEqual(
      attempts.map(({ last }) => last),
      [false, false, false, true],
    )
    assert.ok(attempts[3].at - attempts[0].at < 2000)
  })
})

describe('config.timeout', () => {
  it('aborts the node’s signal, and the node fails with a reason that names the time', async (t) => {
    let aborted = 0
    const flow = createFlow('slow').node(
      'slow',
      async ({ signal }) => {
        const from = Date.now()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        aborted = Date.now() - from
        return { output: 'too late' }
      },
      { config: { timeout: 150 } },
    )
    await servers.workerFor(t, flow)
    const { status, result, context } = await servers.run(flow)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'slow' timed out after 150 ms/)
    assert.ok(aborted >= 140 && aborted < 1000, `${aborted} ms`)
    assert.equal('_outputs.slow' in context, false)
  })

  it('does not wait for a node that ignores its signal', async (t) => {
    const flow = createFlow('deaf').node('deaf', () => sleep(3000), { config: { timeout: 100 } })
    await servers.workerFor(t, flow)
    const from = Date.now()
    const { status, result } = await servers.run(flow)
    assert.ok(Date.now() - from < 1500)
    assert.equal(status, 'failed')
    assert.match(result.reason, /timed out after 100 ms/)
  })

  it('is a failure like any other: the fallback takes over', async (t) => {
    const flow = createFlow('guarded')
      .node('slow', ({ signal }) => sleep(3000, {}, { signal }), { config: { timeout: 100, fallback: 'fast' } })
      .node('fast', () => ({ output: 'fast' }))
    await servers.workerFor(t, flow)
    const { status, context } = await servers.run(flow, {}, { starts: ['slow'] })
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.fast'], 'fast')
  })

  it('leaves a node in time alone', async (t) => {
    const flow = createFlow('in-time').node('quick', () => sleep(50, { output: 'done' }), { config: { timeout: 1000 } })
    await servers.workerFor(t, flow)
    assert.equal((await servers.run(flow)).context['_outputs.quick'], 'done')
  })
})

describe('cancel', () => {
  /** A node that works until it is told to stop, and what would follow. */
  const working = (seen = {}) =>
    createFlow('working')
      .node('work', async ({ signal }) => {
        seen.started = Date.now()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        seen.aborted = Date.now()
        return { output: 'stopped' }
      })
      .node('next', async () => {
        seen.next = true
        return {}
      })
      .edge('work', 'next')

  it('tells the node in flight, starts nothing more, and ends the run with the reason', async (t) => {
    const seen = {}
    const flow = working(seen)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await until(() => seen.started)
    const from = Date.now()
    assert.equal(await adapter.cancel(runId, 'The customer left'), true)
    await until(() => seen.aborted)
    t.diagnostic(`the signal came after ${seen.aborted - from} ms`)
    assert.ok(seen.aborted - from < 2000)
    await sleep(200)
    const { status, result, context } = await servers.look(runId)
    assert.equal(status, 'cancelled')
    assert.deepEqual(result, { status: 'cancelled', reason: 'The customer left' })
    assert.equal(seen.next, undefined)
    assert.equal('_outputs.work' in context, false)
    assert.equal(await servers.waiting(), 0)
  })

  it('works from an adapter that was never started', async (t) => {
    const seen = {}
    const flow = working(seen)
    await servers.workerFor(t, flow)
    const website = servers.adapter(flow, { started: false })
    const runId = await servers.begin(flow)
    await until(() => seen.started)
    assert.equal(await website.cancel(runId), true)
    await until(() => seen.aborted, { timeout: 2000 })
    assert.equal((await servers.look(runId)).result.reason, 'Cancelled')
    await website.stop()
  })

  it('of a run that is over answers false', async (t) => {
    const flow = createFlow('short').node('a', () => ({ output: 1 }))
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await servers.settled(runId)
    assert.equal(await adapter.cancel(runId), false)
    assert.equal((await servers.look(runId)).status, 'completed')
    const other = await servers.begin(flow, {}, { starts: [] })
    assert.equal(await adapter.cancel(other, 'first'), true)
    assert.equal(await adapter.cancel(other, 'second'), false)
    assert.equal((await servers.look(other)).result.reason, 'first')
  })

  it('before the first job keeps it from running', async (t) => {
    const seen = {}
    const flow = working(seen)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow, { user: 'Alice' }, { starts: [] })
    assert.equal(await adapter.cancel(runId, 'too soon'), true)
    await servers.send({ runId, blueprintId: 'working', nodeId: 'work' })
    await sleep(200)
    assert.equal(await servers.waiting(), 0)
    const { status, result, context } = await servers.look(runId)
    assert.deepEqual([status, result.reason, context.user], ['cancelled', 'too soon', 'Alice'])
    assert.deepEqual(seen, {})
  })

  it('ends a run that waits', async (t) => {
    const flow = createFlow('waiting')
      .wait('gate')
      .node('next', () => ({ output: 'ran' }))
      .edge('gate', 'next')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    assert.equal(await adapter.cancel(runId), true)
    const { status, context } = await servers.look(runId)
    assert.equal(status, 'cancelled')
    assert.equal('_awaitingNodeIds' in context, false)
  })

  it('ends a run that sleeps: its timer does nothing then, and holds no worker', async (t) => {
    const flow = createFlow('sleeping')
      .sleep('nap', { duration: 300 })
      .node('next', () => ({ output: 'ran' }))
      .edge('nap', 'next')
    const quick = createFlow('quick').node('quick', () => ({ output: 1 }))
    const adapter = await servers.workerFor(t, [flow, quick], { concurrency: 1, stopTimeout: 1000 })
    const runId = await servers.begin(flow)
    await awaiting(runId)
    assert.equal(await adapter.cancel(runId), true)
    await sleep(600)
    const { status, context } = await servers.look(runId)
    assert.equal(status, 'cancelled')
    assert.equal('_outputs.next' in context, false)
    const other = await servers.begin(quick)
    assert.equal((await servers.settled(other, undefined, 3000)).status, 'completed')
  })
})

describe('retry', () => {
  it('starts a failed run again from the nodes that failed, and keeps what is done', async (t) => {
    const ran = []
    let down = true
    const step =
      (name, fails = false) =>
      async ({ input }) => {
        ran.push(name)
        if (fails && down) throw new Error(`${name} is down`)
        return { output: [...[input ?? []].flat(), name] }
      }
    const flow = createFlow('order')
      .node('reserve', step('reserve'))
      .node('charge', step('charge', true))
      .node('label', step('label', true))
      .node('mail', step('mail'))
      .node('ship', step('ship'), { inputs: 'charge' })
      .edge('reserve', 'charge')
      .edge('reserve', 'label')
      .edge('reserve', 'mail')
      .edge('charge', 'ship')
      .edge('label', 'ship')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    const { status, result } = await servers.settled(runId)
    assert.equal(status, 'failed')
    assert.match(result.reason, /charge is down/)
    down = false
    assert.deepEqual([...(await adapter.retry(runId))].sort(), ['charge', 'label'])
    const end = await servers.settled(runId, ['completed'])
    assert.equal(end.result.status, 'completed')
    assert.deepEqual(end.context['_outputs.ship'], ['reserve', 'charge', 'ship'])
    assert.deepEqual(ran.sort(), ['charge', 'charge', 'label', 'label', 'mail', 'reserve', 'ship'])
  })

  it('may fail again, and be tried again', async (t) => {
    let attempts = 0
    const flow = createFlow('stubborn').node('a', async () => {
      attempts += 1
      if (attempts < 3) throw new Error(`attempt ${attempts}`)
      return { output: attempts }
    })
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    assert.match((await servers.settled(runId)).result.reason, /attempt 1/)
    await adapter.retry(runId)
    const { result } = await until(async () => {
      const seen = await servers.look(runId)
      return seen.status === 'failed' && attempts === 2 && seen
    })
    assert.match(result.reason, /attempt 2/)
    assert.doesNotMatch(result.reason, /attempt 1/)
    await adapter.retry(runId)
    assert.equal((await servers.settled(runId, ['completed'])).context['_outputs.a'], 3)
  })

  it('of a run that has not failed is an error', async (t) => {
    const flow = createFlow('fine')
      .wait('gate')
      .node('a', () => ({ output: 1 }))
      .edge('gate', 'a')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    await assert.rejects(adapter.retry(runId), /only a failed run can be retried; this one is awaiting/)
    await adapter.resumeWithAction(runId, 'on')
    await servers.settled(runId)
    await assert.rejects(adapter.retry(runId), /this one is completed/)
    const cancelled = await servers.begin(flow)
    await awaiting(cancelled)
    await adapter.cancel(cancelled)
    await assert.rejects(adapter.retry(cancelled), /this one is cancelled/)
  })
})

describe('versions', () => {
  const versioned = (version, ran = []) =>
    declared(
      {
        id: 'versioned',
        metadata: { version },
        nodes: [
          { id: 'gate', uses: 'wait' },
          { id: 'work', uses: 'work' },
        ],
        edges: [{ source: 'gate', target: 'work' }],
      },
      {
        work: async () => {
          ran.push(version)
          return { output: version }
        },
      },
    )

  /** A run that version 1 began, resumed where only version 2 is left. */
  async function orphaned(t, ran, options) {
    const old = versioned('1', ran)
    const first = await servers.workerFor(t, old)
    const runId = await servers.begin(old)
    const { context } = await awaiting(runId)
    assert.equal(context.blueprintVersion, '1')
    await first.stop()
    const second = servers.adapter(versioned('2', ran), options)
    t.after(() => second.stop())
    await second.resumeWithAction(runId, 'on')
    return { runId, second }
  }

  it('a job waits for a worker with the version its run was started under', async (t) => {
    const ran = []
    const { runId } = await orphaned(t, ran)
    await sleep(700)
    assert.deepEqual(ran, [])
    assert.equal((await servers.look(runId)).status, 'running')
    const third = servers.adapter(versioned('1', ran))
    t.after(() => third.stop())
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.work'], '1')
    assert.deepEqual(ran, ['1'])
  })

  it('runs of either version go on side by side', async (t) => {
    const ran = []
    const { runId } = await orphaned(t, ran)
    const other = await servers.begin(versioned('2'))
    await awaiting(other)
    const third = servers.adapter(versioned('1', ran))
    t.after(() => third.stop())
    await third.resumeWithAction(other, 'on')
    assert.equal((await servers.settled(runId, undefined, 40_000)).context['_outputs.work'], '1')
    assert.equal((await servers.settled(other, undefined, 40_000)).context['_outputs.work'], '2')
  })

  it('it goes to the dead letters, with the reason, when none comes in time', async (t) => {
    const ran = []
    const { runId } = await orphaned(t, ran, { versionTimeout: 500 })
    const { job, headers } = await deadLetter()
    assert.equal(job.runId, runId)
    assert.match(headers['x-flowcraft-reason'], /version "1" of blueprint 'versioned'; this worker has "2"/)
    assert.match(headers['x-flowcraft-reason'], /within 500 ms/)
    assert.deepEqual(ran, [])
  })
})

describe('a blueprint that is unknown', () => {
  const known = (id) => createFlow(id).node('a', () => ({ output: id }))

  it('waits for a worker that has it', async (t) => {
    await servers.workerFor(t, known('here'))
    const elsewhere = known('elsewhere')
    const runId = await servers.begin(elsewhere)
    await sleep(500)
    assert.equal((await servers.look(runId)).status, 'running')
    const other = servers.adapter(elsewhere)
    t.after(() => other.stop())
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.a'], 'elsewhere')
  })

  it('fails its run, and is among the dead letters, when none comes in time', async (t) => {
    await servers.workerFor(t, known('here'), { blueprintTimeout: 400 })
    const runId = await servers.begin(known('nowhere'))
    const { status, result } = await servers.settled(runId)
    assert.equal(status, 'failed')
    assert.match(result.reason, /'nowhere'/)
    const { job, headers } = await deadLetter()
    assert.equal(job.runId, runId)
    assert.match(headers['x-flowcraft-reason'], /'nowhere' is not in this worker's runtime/)
  })

  it('may be added to the runtime while the worker runs', async (t) => {
    const adapter = await servers.workerFor(t, known('here'))
    const late = known('late')
    const runId = await servers.begin(late)
    await sleep(300)
    for (const [key, implementation] of late.getFunctionRegistry()) adapter.runtime.registry.set(key, implementation)
    adapter.runtime.options.blueprints.late = late.toBlueprint()
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})

describe('a message that is no job', () => {
  it('goes to the dead letters, with the reason', async (t) => {
    await servers.workerFor(
      t,
      createFlow('any').node('a', () => ({ output: 1 })),
    )
    await servers.declareQueue(`${servers.queue}.dead`)
    await servers.send('{ "runId": 7 }')
    const letter = await until(() => servers.take(`${servers.queue}.dead`))
    assert.match(letter.headers['x-flowcraft-reason'], /not a job/)
    assert.equal(letter.content.toString(), '{ "runId": 7 }')
  })
})
