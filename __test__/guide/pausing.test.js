// The guide's page "Pausing and Resuming Workflows".
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createFlow, FlowRuntime } from 'flowcraft'
import { openPage, value } from './support.js'

const DROPS_ACTION = 'core’s `resume` drops the action, and takes no edge that has one'
const STARTS_OTHERS = 'core’s `resume` starts the other waiting nodes again, and what is behind them at once'

const TWICE = {
  keys: { attempts: 2 },
  executed: { attempt: 2, pause: 1 },
  outputs: { attempt: 'down', pause: 'down' },
}

const page = openPage({
  'a decision takes the way of its action': {
    because: DROPS_ACTION,
    memory: { executed: { ready: 1, decide: 1 }, outputs: { ready: 'ready', decide: { why: 'cheaper' } } },
  },
  'each of them is resumed for itself': {
    because: STARTS_OTHERS,
    memory: { executed: { prepare: 1, technical: 1, legal: 2, finalize: 1 }, errors: ['finalize'] },
  },
  'what is behind both goes on after the second': {
    because: STARTS_OTHERS,
    memory: { executed: { prepare: 1, technical: 1, legal: 2, finalize: 2 } },
  },
  'a cycle with a pause tries again, with the joins as they are': {
    because: 'a node that waits for all of its predecessors runs a second time only where a resumption leads to it',
    memory: TWICE,
    distributed: TWICE,
  },
  'a wait leads to a sleep': {
    because: DROPS_ACTION,
    memory: {
      status: 'completed',
      executed: { submit: 1, response: 1 },
      awaiting: {},
      outputs: { submit: 'submitted' },
    },
  },
  'and goes on when that is over': {
    because: DROPS_ACTION,
    memory: { status: 'threw', executed: { submit: 1, response: 1 }, outputs: { submit: 'submitted' } },
  },
})

/** An expense that a manager looks at. */
const expense = () =>
  createFlow('expense')
    .node('submit', async ({ context }) => {
      await context.set('request', { by: 'ada', amount: 1500 })
      return { output: 'submitted' }
    })
    .wait('manager')
    .node('process', async ({ context }) => {
      const { approved } = await context.get('manager')
      return { output: approved ? 'paid' : 'sent back' }
    })
    .edge('submit', 'manager')
    .edge('manager', 'process')

page.runs(
  'a run pauses at a wait node',
  {
    status: 'awaiting',
    outputs: { submit: 'submitted' },
    keys: { request: { by: 'ada', amount: 1500 } },
    executed: { submit: 1, manager: 1 },
    awaiting: { manager: 'external_event' },
  },
  () => ({ flow: expense(), ends: 'awaiting' }),
)

for (const [approved, processed] of [
  [true, 'paid'],
  [false, 'sent back'],
]) {
  page.runs(
    `an approval reaches the nodes behind it: ${processed}`,
    {
      status: 'completed',
      outputs: { submit: 'submitted', manager: { approved, by: 'bob' }, process: processed },
      executed: { submit: 1, manager: 1, process: 1 },
      awaiting: {},
    },
    () => ({ flow: expense(), steps: [{ node: 'manager', output: { approved, by: 'bob' } }] }),
  )
}

/** A contract that two departments look at side by side. */
const review = () =>
  createFlow('review')
    .node('prepare', async ({ context }) => {
      await context.set('document', 'contract.pdf')
      return { output: 'ready' }
    })
    .wait('technical')
    .wait('legal')
    .node('finalize', async ({ context }) => {
      const both = [await context.get('technical'), await context.get('legal')]
      return { output: both.every(({ approved }) => approved) ? 'approved' : 'rejected' }
    })
    .edge('prepare', 'technical')
    .edge('prepare', 'legal')
    .edge('technical', 'finalize')
    .edge('legal', 'finalize')

page.runs(
  'two waits wait side by side',
  { status: 'awaiting', awaiting: { technical: 'external_event', legal: 'external_event' } },
  () => ({ flow: review(), ends: 'awaiting' }),
)

page.runs(
  'each of them is resumed for itself',
  {
    status: 'awaiting',
    awaiting: { legal: 'external_event' },
    executed: { prepare: 1, technical: 1, legal: 1 },
    errors: [],
  },
  () => ({ flow: review(), steps: [{ node: 'technical', output: { approved: true } }], ends: 'awaiting' }),
)

page.runs(
  'what is behind both goes on after the second',
  { status: 'completed', executed: { prepare: 1, technical: 1, legal: 1, finalize: 1 } },
  () => ({
    flow: review(),
    steps: [
      { node: 'technical', output: { approved: true } },
      { node: 'legal', output: { approved: true } },
    ],
  }),
  ({ distributed }) => assert.equal(distributed.outputs.finalize, 'approved'),
)

const notification = (duration) =>
  createFlow('notification')
    .node('schedule', value('scheduled'))
    .sleep('delay', { duration })
    .node('send', value('sent'))
    .edge('schedule', 'delay')
    .edge('delay', 'send')

page.runs(
  'a sleep node pauses for its duration',
  { status: 'awaiting', awaiting: { delay: 'timer' }, executed: { schedule: 1, delay: 1 } },
  () => ({ flow: notification(3_600_000), ends: 'awaiting' }),
  ({ memory, distributed }) => {
    for (const context of [memory.result.context, distributed.seen.context]) {
      const wait = Date.parse(context._awaitingDetails.delay.wakeUpAt) - Date.now()
      assert.ok(wait > 3_540_000 && wait <= 3_600_000, `wakes in ${wait} ms`)
    }
  },
)

page.runs(
  'a sleep node goes on by itself',
  {
    status: 'completed',
    executed: { schedule: 1, delay: 1, send: 1 },
    outputs: { schedule: 'scheduled', delay: 'scheduled', send: 'sent' },
  },
  () => ({ flow: notification(1), steps: [{ timer: 'delay' }] }),
)

it('the scheduler of a run in memory ends it as a worker does', async (t) => {
  const flow = notification(1)
  const blueprint = flow.toBlueprint()
  const runtime = new FlowRuntime({ blueprints: { [blueprint.id]: blueprint } })
  runtime.startScheduler(1)
  t.after(() => runtime.stopScheduler())
  const { status, context } = await runtime.run(blueprint, {}, { functionRegistry: flow.getFunctionRegistry() })
  assert.equal(status, 'awaiting')
  let resumed
  while (!resumed) {
    await new Promise(setImmediate)
    resumed = runtime.scheduler.getResumeResult(context._executionId)
  }
  const run = await page.servers.runAlone(notification(1))
  assert.equal(run.status, resumed.status)
  assert.equal(run.context['_outputs.send'], resumed.context['_outputs.send'])
})

/** An attempt that asks for another after a pause, up to the third. Only an `any` join runs a second time. */
const backoff = (config = { joinStrategy: 'any' }) => {
  const attempt = async ({ context }) => {
    const attempts = ((await context.get('attempts')) ?? 0) + 1
    await context.set('attempts', attempts)
    return attempts < 3 ? { output: 'down', action: 'retry' } : { output: 'up' }
  }
  const flow = createFlow('backoff').node('attempt', attempt, { config }).sleep('pause', { duration: 1 })
  const blueprint = flow
    .edge('attempt', 'pause', { action: 'retry' })
    .edge('pause', 'attempt')
    .setCycleEntryPoint('attempt')
    .toBlueprint()
  blueprint.nodes[1].config = config
  return flow
}

for (const [joins, config, timers] of [
  ['', undefined, 2],
  [', with the joins as they are', {}, 1],
]) {
  page.runs(
    `a cycle with a pause tries again${joins}`,
    {
      status: 'completed',
      keys: { attempts: 3 },
      executed: { attempt: 3, pause: 2 },
      outputs: { attempt: 'up', pause: 'down' },
    },
    () => ({
      flow: backoff(config),
      starts: ['attempt'],
      steps: Array.from({ length: timers }, () => ({ timer: 'pause' })),
    }),
  )
}

const decision = () =>
  createFlow('decision')
    .node('ready', value('ready'))
    .wait('decide')
    .node('a', value('took a'))
    .node('b', value('took b'))
    .node('c', value('took c'))
    .edge('ready', 'decide')
    .edge('decide', 'a', { action: 'choose-a' })
    .edge('decide', 'b', { action: 'choose-b' })
    .edge('decide', 'c', { action: 'choose-c' })

page.runs(
  'a decision takes the way of its action',
  {
    status: 'completed',
    executed: { ready: 1, decide: 1, b: 1 },
    outputs: { ready: 'ready', decide: { why: 'cheaper' }, b: 'took b' },
  },
  () => ({ flow: decision(), steps: [{ node: 'decide', output: { why: 'cheaper' }, action: 'choose-b' }] }),
)

/** A ticket that nobody answers is passed on. */
const escalation = (duration) =>
  createFlow('escalation')
    .node('submit', value('submitted'))
    .wait('response')
    .sleep('timer', { duration })
    .node('escalate', value('escalated'))
    .edge('submit', 'response')
    .edge('response', 'timer', { action: 'pending' })
    .edge('timer', 'escalate')

page.runs(
  'a wait leads to a sleep',
  {
    status: 'awaiting',
    awaiting: { timer: 'timer' },
    executed: { submit: 1, response: 1, timer: 1 },
    outputs: { submit: 'submitted' },
  },
  () => ({ flow: escalation('1d'), steps: [{ node: 'response', action: 'pending' }], ends: 'awaiting' }),
)

page.runs(
  'and goes on when that is over',
  {
    status: 'completed',
    executed: { submit: 1, response: 1, timer: 1, escalate: 1 },
    outputs: { submit: 'submitted', escalate: 'escalated' },
  },
  () => ({ flow: escalation(1), steps: [{ node: 'response', action: 'pending' }, { timer: 'timer' }] }),
)

page.runs(
  'a failure after the pause is the run’s',
  {
    status: 'failed',
    errors: ['process'],
    executed: { submit: 1, manager: 1, process: 1 },
    outputs: { submit: 'submitted' },
  },
  () => ({ flow: expense(), steps: [{ node: 'manager' }] }),
)

page.runs('an answer may be `null`', { status: 'completed', outputs: { ask: null, after: 'null' } }, () => ({
  flow: createFlow('null')
    .wait('ask')
    .node('after', async ({ input }) => ({ output: input === null ? 'null' : 'nothing' }))
    .edge('ask', 'after'),
  steps: [{ node: 'ask', output: null }],
}))

it('what does not wait cannot be resumed, and says so', async () => {
  const flow = createFlow('over').node('only', value(1))
  const runtime = new FlowRuntime()
  const { serializedContext } = await flow.run(runtime)
  await assert.rejects(flow.resume(runtime, serializedContext, { output: 1 }), /not in an awaiting state/)
  const { runId } = await page.servers.runAlone(flow)
  const adapter = page.servers.adapter(flow, { started: false })
  await assert.rejects(adapter.resumeWithAction(runId, '', 1), { code: 'RUN_ENDED' })
})
