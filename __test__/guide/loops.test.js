// The guide's page "Loops".
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createFlow, FlowRuntime, UnsafeEvaluator } from 'flowcraft'
import { openPage, pass, value } from './support.js'

const GOES_ON = 'in memory a loop that leads nowhere sweeps its body on when it ends, and so never ends'

const page = openPage({
  'the body may be entered at its first node': {
    because:
      'the builder does not make the first node an `any` join, as the page says it does: the node waits for the loop,' +
      ' and the loop for the node. A loop is entered through its controller',
    memory: { keys: { count: 0 }, executed: { initialize: 1 } },
    distributed: { keys: { count: 0 }, executed: { initialize: 1 } },
  },
  'the body runs until the condition is false': {
    because: GOES_ON,
    memory: {
      status: 'failed',
      errors: ['increment'],
      keys: { count: 21 },
      outputs: { initialize: 'initialized', increment: 20, counter: null },
      executed: { initialize: 1, increment: 21, counter: 21 },
    },
  },
})
const operators = { evaluator: new UnsafeEvaluator() }

/** Adds one to a key. */
const count = (key) => async (node) => {
  const n = ((await node.context.get(key)) ?? 0) + 1
  await node.context.set(key, n)
  return { output: n }
}
/** The body of a loop of five rounds. What has no end ends here. */
const increment = async (node) => {
  const { output } = await count('count')(node)
  if (output > 20) throw new Error('the loop does not end')
  return { output }
}
const initialize = async ({ context }) => {
  await context.set('count', 0)
  return { output: 'initialized' }
}

const counter = (entry, condition = 'count < 5') =>
  createFlow('counter')
    .node('initialize', initialize)
    .node('increment', increment)
    .loop('counter', { startNodeId: 'increment', endNodeId: 'increment', condition })
    .edge('initialize', entry)

page.runs(
  'the body runs until the condition is false',
  {
    status: 'completed',
    keys: { count: 5 },
    errors: [],
    executed: { initialize: 1, increment: 5, counter: 6 },
    outputs: { initialize: 'initialized', increment: 5, counter: null },
  },
  () => ({ flow: counter('counter'), runtime: operators }),
)

page.runs(
  'the body may be entered at its first node',
  { status: 'completed', keys: { count: 5 }, executed: { initialize: 1, increment: 5, counter: 5 } },
  () => ({ flow: counter('increment'), runtime: operators }),
)

page.runs(
  'a condition that is false at once skips the body',
  {
    status: 'completed',
    keys: { count: 0 },
    executed: { initialize: 1, counter: 1, after: 1 },
    outputs: { initialize: 'initialized', counter: null, after: 'after' },
  },
  () => ({
    flow: counter('counter', 'count < 0').node('after', value('after')).edge('counter', 'after'),
    runtime: operators,
  }),
)

page.runs(
  'what leaves the loop gets the output of its last node',
  { status: 'completed', outputs: { initialize: 'initialized', increment: 3, counter: null, after: 3 } },
  () => ({
    flow: counter('counter', 'count < 3').node('after', pass).edge('counter', 'after'),
    runtime: operators,
  }),
)

page.runs(
  'the body may be several nodes',
  {
    status: 'completed',
    keys: { drafts: 3, done: false },
    executed: { begin: 1, again: 4, draft: 3, review: 3, publish: 1 },
    outputs: { begin: 'begun', again: null, draft: 3, review: 'draft 3', publish: 'draft 3' },
  },
  () => ({
    flow: createFlow('drafts')
      .node('begin', async ({ context }) => {
        await context.set('done', true)
        return { output: 'begun' }
      })
      .node('draft', count('drafts'))
      .node('review', async ({ context, input }) => {
        await context.set('done', input < 3)
        return { output: `draft ${input}` }
      })
      .node('publish', pass)
      .loop('again', { startNodeId: 'draft', endNodeId: 'review', condition: 'done' })
      .edge('begin', 'again')
      .edge('draft', 'review')
      .edge('again', 'publish'),
    runtime: operators,
  }),
)

page.runs(
  'the default evaluator knows properties, and no operators',
  {
    status: 'completed',
    keys: { count: 0 },
    executed: { initialize: 1, counter: 1, after: 1 },
    outputs: { initialize: 'initialized', counter: null, after: 'after' },
  },
  () => ({ flow: counter('counter').node('after', value('after')).edge('counter', 'after') }),
)

page.runs(
  'a body that fails fails the run',
  { status: 'failed', errors: ['body'], executed: { begin: 1, loop: 2, body: 2 }, keys: { n: 2 } },
  () => ({
    flow: createFlow('failing')
      .node('begin', value(0))
      .node('body', async (node) => {
        const { output } = await count('n')(node)
        if (output === 2) throw new Error('the second round is too much')
        return { output }
      })
      .loop('loop', { startNodeId: 'body', endNodeId: 'body', condition: 'n' })
      .edge('begin', 'loop'),
    runtime: { evaluator: { evaluate: (_, { n = 0 }) => n < 5 } },
  }),
)

/** A cycle of plain edges, which its last node leaves. Only an `any` join runs a second time. */
const cycle = (config = { joinStrategy: 'any' }) =>
  createFlow('cycle')
    .node('work', count('n'), { config })
    .node('check', async ({ input }) => ({ output: input, action: input < 3 ? 'again' : 'done' }), { config })
    .node('end', pass)
    .edge('work', 'check')
    .edge('check', 'work', { action: 'again' })
    .edge('check', 'end', { action: 'done' })

page.runs(
  'a cycle of edges begins where the flow says',
  { status: 'completed', keys: { n: 3 }, executed: { work: 3, check: 3, end: 1 } },
  () => ({ flow: cycle().setCycleEntryPoint('work'), starts: ['work'] }),
)

page.runs(
  'a cycle that is led into goes round',
  { status: 'completed', keys: { n: 3 }, executed: { begin: 1, work: 3, check: 3, end: 1 } },
  () => ({ flow: cycle().node('begin', value(0)).edge('begin', 'work') }),
)

page.runs(
  'a cycle whose nodes wait for all of their predecessors is not entered again',
  { status: 'completed', keys: { n: 1 }, executed: { work: 1, check: 1 } },
  () => ({ flow: cycle({}).setCycleEntryPoint('work'), starts: ['work'] }),
)

it('a strict run refuses a cycle before anything of it runs', async () => {
  await assert.rejects(cycle().run(new FlowRuntime(), {}, { strict: true }), /Cycles are not allowed/)
})
