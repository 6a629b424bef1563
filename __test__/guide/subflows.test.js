// The guide's page "Subflows".
import assert from 'node:assert/strict'
import { createFlow, SubflowNode } from 'flowcraft'
import { calling } from './subflow.js'
import { openPage, pass, value } from './support.js'

const page = openPage({})

const math = () =>
  createFlow('math').node('add', async ({ context }) => ({
    output: (await context.get('a')) + (await context.get('b')),
  }))

const sum = () =>
  createFlow('sum')
    .node('prepare', async ({ context }) => {
      await context.set('val1', 10)
      await context.set('val2', 20)
      return { output: 'ready' }
    })
    .node('calculate', pass)
    .node('after', pass)
    .edge('prepare', 'calculate')
    .edge('calculate', 'after')

page.runs(
  'inputs and outputs are mapped by name',
  {
    status: 'completed',
    keys: { val1: 10, val2: 20, total: 30 },
    executed: { prepare: 1, calculate: 1, 'math.add': 1, after: 1 },
  },
  () => ({
    flow: calling(sum(), {
      id: 'calculate',
      blueprintId: 'math',
      inputs: { a: 'val1', b: 'val2' },
      outputs: { total: 'add' },
    }),
    also: [math()],
  }),
  ({ distributed }) => {
    // With mapped outputs, the node's own is the subflow's whole context.
    const { a, b, add } = distributed.outputs.calculate
    assert.deepEqual({ a, b, add }, { a: 10, b: 20, add: 30 })
  },
)

page.runs(
  'without mapped outputs, the output is that of the last node',
  { status: 'completed', outputs: { prepare: 'ready', calculate: 30, after: 30 }, keys: { val1: 10, val2: 20 } },
  () => ({
    flow: calling(sum(), { id: 'calculate', blueprintId: 'math', inputs: { a: 'val1', b: 'val2' } }),
    also: [math()],
  }),
)

page.runs(
  'the class of subflows is the same',
  { status: 'completed', outputs: { call: 3 }, keys: { a: 1, b: 2 } },
  () => ({
    flow: createFlow('by-class').node('call', SubflowNode, {
      params: { blueprintId: 'math', inputs: { a: 'a', b: 'b' } },
    }),
    also: [math()],
    context: { a: 1, b: 2 },
  }),
)

page.runs(
  'an input without a mapping is that of the subflow’s first node',
  { status: 'completed', outputs: { begin: 20, call: 21 } },
  () => ({
    flow: calling(createFlow('passing').node('begin', value(20)).node('call', pass).edge('begin', 'call'), {
      id: 'call',
      blueprintId: 'inc',
    }),
    also: [createFlow('inc').node('one', async ({ input }) => ({ output: input + 1 }))],
  }),
)

page.runs(
  'several last nodes make one output',
  { status: 'completed', outputs: { call: { left: 'l', right: 'r' } } },
  () => ({
    flow: calling(createFlow('two-ends').node('call', pass), { id: 'call', blueprintId: 'fork' }),
    also: [
      createFlow('fork')
        .node('begin', value(0))
        .node('left', value('l'))
        .node('right', value('r'))
        .edge('begin', 'left')
        .edge('begin', 'right'),
    ],
  }),
)

page.runs(
  'what a subflow writes stays its own',
  { status: 'completed', keys: { shared: 'outer' }, outputs: { write: 'written', read: 'outer' } },
  () => ({
    flow: calling(
      createFlow('apart')
        .node('write', pass)
        .node('read', async ({ context }) => ({ output: await context.get('shared') }))
        .edge('write', 'read'),
      { id: 'write', blueprintId: 'writer' },
    ),
    also: [
      createFlow('writer').node('set', async ({ context }) => {
        await context.set('shared', 'inner')
        return { output: 'written' }
      }),
    ],
    context: { shared: 'outer' },
  }),
)

page.runs(
  'a subflow may run a subflow',
  {
    status: 'completed',
    outputs: { begin: 5, outer: 12 },
    executed: { begin: 1, outer: 1, 'middle.twice': 1, 'middle.inner': 1, 'inner.add': 1 },
  },
  () => ({
    flow: calling(createFlow('nested').node('begin', value(5)).node('outer', pass).edge('begin', 'outer'), {
      id: 'outer',
      blueprintId: 'middle',
    }),
    also: [
      calling(
        createFlow('middle')
          .node('twice', async ({ input }) => ({ output: input * 2 }))
          .node('inner', pass)
          .edge('twice', 'inner'),
        { id: 'inner', blueprintId: 'inner' },
      ),
      createFlow('inner').node('add', async ({ input }) => ({ output: input + 2 })),
    ],
  }),
)

/** A subflow of two nodes, of which the second fails as often as `failures` says. */
const shaky = (failures, config) => {
  let n = 0
  const second = async () => {
    if (++n <= failures) throw new Error('the ledger is locked')
    return { output: 'booked' }
  }
  return createFlow('shaky').node('open', value('opened')).node('book', second, { config }).edge('open', 'book')
}

const booking = (config) => {
  const flow = createFlow('booking')
    .node('begin', value('begun'))
    .node('call', pass, { config })
    .node('after', pass)
    .edge('begin', 'call')
    .edge('call', 'after')
  if (config?.fallback) flow.node(config.fallback, value('by hand'))
  return calling(flow, { id: 'call', blueprintId: 'shaky' })
}

page.runs(
  'a failure inside fails the node, and the run',
  {
    status: 'failed',
    errors: ['call'],
    executed: { begin: 1, call: 1, 'shaky.open': 1, 'shaky.book': 1 },
    outputs: { begin: 'begun' },
  },
  () => ({ flow: booking(), also: [shaky(9)] }),
  ({ memory, distributed }) => {
    // What failed inside is named: the subflow, its node, and the error's own words.
    const [error] = memory.result.errors
    assert.match(error.message, /Sub-workflow 'shaky' did not complete/)
    const { reason } = distributed.seen.result
    assert.match(reason, /Sub-workflow 'shaky' did not complete/)
    assert.match(reason, /'book'/)
    assert.match(reason, /the ledger is locked/)
  },
)

page.runs(
  'a node inside tries again as any other',
  { status: 'completed', outputs: { begin: 'begun', call: 'booked', after: 'booked' } },
  () => ({ flow: booking(), also: [shaky(2, { maxRetries: 3 })] }),
)

page.runs(
  'the node that runs it tries all of it again',
  {
    status: 'completed',
    outputs: { begin: 'begun', call: 'booked', after: 'booked' },
    executed: { begin: 1, call: 1, 'shaky.open': 2, 'shaky.book': 2, after: 1 },
  },
  () => ({ flow: booking({ maxRetries: 2 }), also: [shaky(1)] }),
)

page.runs(
  'a fallback takes over from a subflow',
  { status: 'completed', outputs: { begin: 'begun', call: null, rescue: 'by hand', after: 'by hand' } },
  () => ({ flow: booking({ fallback: 'rescue' }), also: [shaky(9)], starts: ['begin'] }),
)

page.runs(
  'a fallback inside takes over inside',
  { status: 'completed', outputs: { call: { save: 'saved', last: 'saved' } }, errors: [] },
  () => ({
    flow: calling(createFlow('rescued').node('call', pass), { id: 'call', blueprintId: 'inside' }),
    also: [
      createFlow('inside')
        .node('try', async () => Promise.reject(new Error('down')), { config: { fallback: 'save' } })
        .node('save', value('saved'))
        .node('last', pass)
        .edge('try', 'last'),
    ],
  }),
)
