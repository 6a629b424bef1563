// Runs that wait for a person: the examples of "Pausing and resuming workflows", resumed from anywhere, at most once.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { outputs } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

/** The documentation's review, whose edges name the actions. */
const conditionalApproval = (seen = []) =>
  createFlow('conditional-approval')
    .node('start', () => ({ output: { item: 'document.pdf' } }))
    .wait('review')
    .node('approve', async ({ input }) => {
      seen.push(['approve', input])
      return { output: 'Document approved' }
    })
    .node('reject', async ({ input }) => {
      seen.push(['reject', input])
      return { output: 'Document rejected' }
    })
    .edge('start', 'review')
    .edge('review', 'approve', { action: 'approve' })
    .edge('review', 'reject', { action: 'reject' })

/** The documentation's two reviews at once. */
const parallelReview = (seen = []) =>
  createFlow('parallel-review')
    .node('prepare', () => ({ output: 'Document ready for review' }))
    .wait('technical-review')
    .wait('legal-review')
    .node('finalize', async ({ context }) => {
      const reviews = [await context.get('technical-review'), await context.get('legal-review')]
      seen.push('finalize')
      return { output: reviews.every((review) => review?.approved) ? 'Approved' : 'Rejected' }
    })
    .edge('prepare', 'technical-review')
    .edge('prepare', 'legal-review')
    .edge('technical-review', 'finalize')
    .edge('legal-review', 'finalize')

describe('two decisions about one node', () => {
  it('with different actions: the first counts, and whoever made the second hears so', async (t) => {
    const seen = []
    const flow = conditionalApproval(seen)
    const worker = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    // Nobody acts on the first before the second is made.
    await worker.stop()
    const caller = servers.adapter(flow, { started: false })
    await caller.resumeWithAction(runId, 'approve', { by: 'ada' })
    await assert.rejects(caller.resumeWithAction(runId, 'reject', { by: 'eve' }), { code: 'NODE_NOT_AWAITING' })
    // The same one again may be that of a caller who did not hear that it counted.
    assert.deepEqual([...(await caller.resumeWithAction(runId, 'approve', { by: 'ada' }))], ['review'])
    worker.start()
    const { status } = await servers.settled(runId)
    assert.deepEqual([status, seen], ['completed', [['approve', { by: 'ada' }]]])
  })
})

describe('a wait node', () => {
  it('pauses its branch, and the run once the other branches have finished', async (t) => {
    const flow = createFlow('approval-workflow')
      .node('start', () => ({ output: { user: 'Alice', amount: 1500 } }))
      .wait('wait-for-approval')
      .node('process', async ({ input }) => ({ output: input?.approved ? 'Approved' : 'Denied' }))
      .node('notify', async () => {
        await sleep(150)
        return { output: 'notified' }
      })
      .node('archive', async ({ input }) => ({ output: `${input}, archived` }))
      .edge('start', 'wait-for-approval')
      .edge('wait-for-approval', 'process')
      .edge('start', 'notify')
      .edge('notify', 'archive')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    const { context, result } = await awaiting(runId)
    assert.equal(context['_outputs.archive'], 'notified, archived')
    assert.deepEqual(context._awaitingNodeIds, ['wait-for-approval'])
    assert.deepEqual(context._awaitingDetails, { 'wait-for-approval': { reason: 'external_event' } })
    assert.equal('_outputs.process' in context, false)
    assert.equal(result, undefined, 'no final result yet')

    assert.deepEqual([...(await adapter.resumeWithAction(runId, 'done', { approved: true }))], ['wait-for-approval'])
    const end = await servers.settled(runId)
    assert.equal(end.status, 'completed')
    assert.equal(end.context['_outputs.process'], 'Approved')
    assert.equal('_awaitingNodeIds' in end.context, false)
    assert.equal('_awaitingDetails' in end.context, false)
  })

  for (const [action, taken, left] of [
    ['approve', 'approve', 'reject'],
    ['reject', 'reject', 'approve'],
  ]) {
    it(`goes on by the action '${action}', with its output`, async (t) => {
      const seen = []
      const flow = conditionalApproval(seen)
      const adapter = await servers.workerFor(t, flow)
      const runId = await servers.begin(flow)
      await awaiting(runId)
      await adapter.resumeWithAction(runId, action, { reviewer: 'john@example.com' })
      const { status, context } = await servers.settled(runId)
      assert.equal(status, 'completed')
      assert.deepEqual(context['_outputs.review'], { reviewer: 'john@example.com' })
      assert.deepEqual(seen, [[taken, { reviewer: 'john@example.com' }]])
      assert.equal(`_outputs.${left}` in context, false)
    })
  }

  it('takes the edges without an action where none has this one', async (t) => {
    const flow = conditionalApproval()
      .node('file', () => ({ output: 'filed' }))
      .edge('review', 'file')
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    await adapter.resumeWithAction(runId, 'postpone')
    const { context } = await servers.settled(runId)
    assert.deepEqual(Object.keys(outputs(context)).sort(), ['file', 'start'])
  })

  it('waits anew in every round of a loop', async (t) => {
    const flow = createFlow('questions')
      .node('init', async ({ context }) => {
        await context.set('answers', [])
        return { output: 'begun' }
      })
      .wait('ask')
      .node('collect', async ({ context, input }) => {
        await context.set('answers', [...(await context.get('answers')), input])
        return { output: input }
      })
      .node('report', async ({ context }) => ({ output: (await context.get('answers')).join(' ') }))
      .loop('questions', { startNodeId: 'ask', endNodeId: 'collect', condition: 'answers.length < 3' })
      .edge('init', 'questions')
      .edge('ask', 'collect')
      .edge('questions', 'report')
    const adapter = await servers.workerFor(t, flow, { runtime: { evaluator: new UnsafeEvaluator() } })
    const runId = await servers.begin(flow)
    for (const [round, answer] of ['who', 'where', 'why'].entries()) {
      const asked = await until(
        async () => {
          const seen = await servers.look(runId)
          return seen.status === 'awaiting' && seen.context.answers.length === round && seen
        },
        { what: `question ${round + 1}` },
      )
      assert.deepEqual(asked.context._awaitingNodeIds, ['ask'])
      await adapter.resumeWithAction(runId, 'answered', answer)
    }
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.equal(context['_outputs.report'], 'who where why')
  })
})

describe('resuming', () => {
  it('needs no worker in the process that resumes', async (t) => {
    const flow = conditionalApproval()
    const first = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    await first.stop()

    const website = servers.adapter(flow, { started: false })
    await website.resumeWithAction(runId, 'approve', { reviewer: 'jane@example.com' })
    assert.equal((await servers.look(runId)).status, 'running')

    const second = servers.adapter(flow)
    assert.equal((await servers.settled(runId)).context['_outputs.approve'], 'Document approved')
    await Promise.all([website.stop(), second.stop()])
  })

  it('lets every waiting node go on, unless one is named', async (t) => {
    const seen = []
    const flow = parallelReview(seen)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    const { context } = await awaiting(runId)
    assert.deepEqual(context._awaitingNodeIds.toSorted(), ['legal-review', 'technical-review'])
    const resumed = await adapter.resumeWithAction(runId, 'done', { approved: true })
    assert.deepEqual([...resumed].sort(), ['legal-review', 'technical-review'])
    assert.equal((await servers.settled(runId)).context['_outputs.finalize'], 'Approved')
    assert.deepEqual(seen, ['finalize'])
  })

  it('lets only the named node go on', async (t) => {
    const seen = []
    const flow = parallelReview(seen)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const technical = { approved: true, comments: 'Looks good' }
    assert.deepEqual(
      [...(await adapter.resumeWithAction(runId, 'done', technical, 'technical-review'))],
      ['technical-review'],
    )
    await until(async () => '_outputs.technical-review' in (await servers.look(runId)).context)
    const { status, context } = await awaiting(runId)
    assert.equal(status, 'awaiting')
    assert.deepEqual(context._awaitingNodeIds, ['legal-review'])
    assert.deepEqual(seen, [])

    await assert.rejects(
      adapter.resumeWithAction(runId, 'done', technical, 'technical-review'),
      /'technical-review' does not wait/,
    )
    await adapter.resumeWithAction(runId, 'done', { approved: false }, 'legal-review')
    assert.equal((await servers.settled(runId)).context['_outputs.finalize'], 'Rejected')
    assert.deepEqual(seen, ['finalize'])
  })

  it('happens once, however often it is called', async (t) => {
    const seen = []
    const flow = conditionalApproval(seen)
    const adapter = await servers.workerFor(t, flow)
    const others = Array.from({ length: 3 }, () => servers.adapter(flow))
    const runId = await servers.begin(flow)
    await awaiting(runId)
    const calls = [adapter, ...others, adapter, ...others].map((caller) => caller.resumeWithAction(runId, 'approve', 1))
    const answers = await Promise.allSettled(calls)
    assert.ok(answers.some(({ status }) => status === 'fulfilled'))
    assert.equal((await servers.settled(runId)).status, 'completed')
    await Promise.all(others.map((other) => other.stop()))
    assert.deepEqual(seen, [['approve', 1]])
  })

  it('keeps the first answer: a second one, with another action, changes nothing', async (t) => {
    const seen = []
    const flow = conditionalApproval(seen)
    const first = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await awaiting(runId)
    await first.stop()
    const website = servers.adapter(flow, { started: false })
    await website.resumeWithAction(runId, 'approve', 'yes')
    await website.resumeWithAction(runId, 'reject', 'no').catch(() => {})
    const second = servers.adapter(flow)
    await servers.settled(runId)
    assert.deepEqual(seen, [['approve', 'yes']])
    await Promise.all([website.stop(), second.stop()])
  })

  it('is a clear error where nothing waits', async (t) => {
    const flow = conditionalApproval()
    const busy = createFlow('busy').node('work', async ({ signal }) => {
      await sleep(5000, undefined, { signal }).catch(() => {})
      return {}
    })
    const adapter = await servers.workerFor(t, [flow, busy])
    const done = await servers.begin(flow)
    await awaiting(done)
    await adapter.resumeWithAction(done, 'approve')
    await servers.settled(done)
    await assert.rejects(adapter.resumeWithAction(done, 'approve'), (error) => {
      assert.match(error.message, /does not wait to be resumed: it is completed/)
      assert.ok(error.message.includes(done), 'names the run')
      return true
    })

    const running = await servers.begin(busy)
    await until(async () => (await servers.look(running)).context.blueprintId)
    await assert.rejects(adapter.resumeWithAction(running, 'approve'), /does not wait to be resumed: it is running/)
    await adapter.cancel(running)
    await assert.rejects(adapter.resumeWithAction(running, 'approve'), /it is cancelled/)

    const wrong = await servers.begin(flow)
    await awaiting(wrong)
    await assert.rejects(adapter.resumeWithAction(wrong, 'approve', 1, 'approve'), /'approve' does not wait/)
  })

  it('is a clear error for a run that does not exist, and leaves nothing behind', async (t) => {
    const adapter = await servers.workerFor(t, conditionalApproval())
    const refused = await adapter.resumeWithAction('no-such-run', 'approve').catch((error) => error)
    assert.ok(refused instanceof Error)
    assert.match(refused.message, /no-such-run/)
    assert.equal((await servers.rowsOf('no-such-run')).contexts, 0)
    assert.doesNotMatch(refused.message, /it is running/, 'a run that does not exist is not running')
  })
})
