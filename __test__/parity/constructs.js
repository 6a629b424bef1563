// The constructs of flowcraft, one small flow each, and what its documentation says of them. The table in
// docs/differences-from-memory.md is checked against what these flows do in memory, on a plain worker as version 1 was, and
// on ours.
import { createFlow, UnsafeEvaluator } from 'flowcraft'

const value =
  (output, more = {}) =>
  async () => ({ output, ...more })
const pass = async ({ input }) => ({ output: input })
const fail = async () => {
  throw new Error('down')
}

/** name, flow, and the check of a finished run's { status, context }; `act` is what a person does meanwhile. */
export const constructs = [
  {
    name: 'chain, fan-out, `all` join',
    flow: () =>
      createFlow('join')
        .node('s', value(1))
        .node('a', pass)
        .node('b', pass)
        .node('j', async ({ input }) => ({ output: input.a + input.b }), { inputs: { a: 'a', b: 'b' } })
        .edge('s', 'a')
        .edge('s', 'b')
        .edge('a', 'j')
        .edge('b', 'j'),
    holds: ({ status, context }) => status === 'completed' && context['_outputs.j'] === 2,
  },
  {
    name: '`any` join runs once',
    flow: () =>
      createFlow('any')
        .node('s', value(0))
        .node('a', pass)
        .node('b', pass)
        .node('b2', pass)
        .node(
          'j',
          async ({ context }) => {
            const times = ((await context.get('times')) ?? 0) + 1
            await context.set('times', times)
            return { output: times }
          },
          { config: { joinStrategy: 'any' } },
        )
        .edge('s', 'a')
        .edge('s', 'b')
        .edge('b', 'b2')
        .edge('a', 'j')
        .edge('b2', 'j'),
    holds: ({ status, context }) => status === 'completed' && context.times === 1,
  },
  {
    name: 'a branch that is not taken',
    flow: () =>
      createFlow('branch')
        .node('s', value(1, { action: 'left' }))
        .node('l', pass)
        .node('r', pass)
        .edge('s', 'l', { action: 'left' })
        .edge('s', 'r', { action: 'right' }),
    holds: ({ status, context }) => status === 'completed' && '_outputs.l' in context && !('_outputs.r' in context),
  },
  {
    name: 'a lone edge whose action was not returned',
    flow: () =>
      createFlow('lone')
        .node('s', value(1, { action: 'other' }))
        .node('t', pass)
        .edge('s', 't', { action: 'go' }),
    holds: ({ status, context }) => status === 'completed' && !('_outputs.t' in context),
  },
  {
    name: 'a failing node, other branches finish',
    flow: () =>
      createFlow('failing')
        .node('s', value(1))
        .node('bad', fail)
        .node('good', pass)
        .node('after', pass)
        .edge('s', 'bad')
        .edge('s', 'good')
        .edge('good', 'after'),
    holds: ({ status, context }) => status === 'failed' && '_outputs.after' in context,
  },
  {
    name: 'fallback',
    flow: () =>
      createFlow('fallback')
        .node('p', fail, { config: { fallback: 'f' } })
        .node('f', value('rescued'))
        .node('n', pass)
        .edge('p', 'n'),
    starts: ['p'],
    holds: ({ status, context }) => status === 'completed' && context['_outputs.n'] === 'rescued',
  },
  {
    name: 'fallback and primary leading to one node',
    flow: () =>
      createFlow('either')
        .node('p', value('primary'), { config: { fallback: 'f' } })
        .node('f', value('fallback'))
        .node('n', pass)
        .edge('p', 'n')
        .edge('f', 'n'),
    starts: ['p'],
    holds: ({ status, context }) => status === 'completed' && context['_outputs.n'] === 'primary',
  },
  {
    name: 'loop',
    flow: () =>
      createFlow('loop')
        .node('init', async ({ context }) => {
          await context.set('count', 0)
          return { output: 0 }
        })
        .node('step', async ({ context }) => {
          const count = (await context.get('count')) + 1
          await context.set('count', count)
          return { output: count }
        })
        .node('done', pass)
        .loop('again', { startNodeId: 'step', endNodeId: 'step', condition: 'count < 3' })
        .edge('init', 'again')
        .edge('again', 'done'),
    runtime: { evaluator: new UnsafeEvaluator() },
    holds: ({ status, context }) => status === 'completed' && context['_outputs.done'] === 3,
  },
  {
    name: 'batch',
    flow: () =>
      createFlow('batch')
        .node('list', value([1, 2, 3]))
        .batch('double', async ({ input }) => ({ output: input * 2 }), { inputKey: 'list', outputKey: 'doubled' })
        .edge('list', 'double'),
    holds: ({ status, context }) => status === 'completed' && String(context.doubled) === '2,4,6',
  },
  {
    name: 'batch in chunks',
    flow: () =>
      createFlow('chunks')
        .node('list', value([1, 2, 3, 4, 5]))
        .batch('double', async ({ input }) => ({ output: input * 2 }), {
          inputKey: 'list',
          outputKey: 'doubled',
          chunkSize: 2,
        })
        .edge('list', 'double'),
    holds: ({ status, context }) => status === 'completed' && String(context.doubled) === '2,4,6,8,10',
  },
  {
    name: 'subflow',
    flow: () =>
      createFlow('parent')
        .node('s', value(20))
        .node('sub', pass)
        .node('after', pass)
        .edge('s', 'sub')
        .edge('sub', 'after'),
    adjust: (blueprint) => {
      const node = blueprint.nodes.find(({ id }) => id === 'sub')
      Object.assign(node, { uses: 'subflow', params: { blueprintId: 'child' } })
    },
    more: { child: { id: 'child', nodes: [{ id: 'inc', uses: 'inc' }], edges: [] } },
    registry: { inc: async ({ input }) => ({ output: input + 1 }) },
    holds: ({ status, context }) => status === 'completed' && context['_outputs.after'] === 21,
  },
  {
    name: '`context.get(<node id>)`',
    flow: () =>
      createFlow('byid')
        .node('a', value(7))
        .node('b', async ({ context }) => ({ output: await context.get('a') }))
        .edge('a', 'b'),
    holds: ({ status, context }) => status === 'completed' && context['_outputs.b'] === 7,
  },
  {
    name: 'wait, resumed with an action',
    flow: () =>
      createFlow('wait')
        .node('s', value(1))
        .wait('person')
        .node('yes', pass)
        .node('no', pass)
        .edge('s', 'person')
        .edge('person', 'yes', { action: 'approve' })
        .edge('person', 'no', { action: 'reject' }),
    act: { action: 'approve', output: 'by ada' },
    holds: ({ status, context }) =>
      status === 'completed' && context['_outputs.yes'] === 'by ada' && !('_outputs.no' in context),
  },
  {
    name: 'sleep ends by itself',
    flow: () =>
      createFlow('sleep')
        .node('s', async () => ({ output: Date.now() }))
        .sleep('nap', { duration: 2500 })
        .node('t', async ({ input }) => ({ output: Date.now() - input }))
        .edge('s', 'nap')
        .edge('nap', 't'),
    holds: ({ status, context }) => status === 'completed' && context['_outputs.t'] >= 2500,
  },
]
