// Flows of every shape, and from which of their nodes a run of them can be run again.
import { createFlow } from 'flowcraft'

const nodes = []

/** An implementation that notes when it is executed. */
export const executed = (id, implementation) => async (node) => {
  nodes.push(id)
  return implementation(node)
}
executed.clear = () => {
  nodes.length = 0
}
executed.nodes = () => [...nodes].sort()

const says =
  (word, action) =>
  async ({ input }) => ({ output: `${input ?? ''}${word}`, ...(action && { action }) })

const diamond = createFlow('diamond')
  .node('split', says('s'))
  .node('left', says('l'))
  .node('right', says('r'))
  .node('join', async ({ context }) => ({ output: `${await context.get('left')}+${await context.get('right')}` }))
  .node('end', says('e'))
  .edge('split', 'left')
  .edge('split', 'right')
  .edge('left', 'join')
  .edge('right', 'join')
  .edge('join', 'end')

const branch = createFlow('branch')
  .node('decide', says('d', 'yes'))
  .node('yes', says('y'))
  .node('no', says('n'))
  .node('otherwise', says('o'))
  .node('join', says('j'), { config: { joinStrategy: 'any' } })
  .node('end', says('e'))
  .edge('decide', 'yes', { action: 'yes' })
  .edge('decide', 'no', { action: 'no' })
  .edge('yes', 'join')
  .edge('no', 'join')
  .edge('join', 'end')

const defaulted = createFlow('defaulted')
  .node('decide', says('d', 'yes'))
  .node('yes', says('y'))
  .node('more', says('m'))
  .node('otherwise', says('o'))
  .edge('decide', 'yes', { action: 'yes' })
  .edge('decide', 'otherwise')
  .edge('yes', 'more')

const conditional = createFlow('conditional')
  .node('check', says('c'))
  .node('big', says('b'))
  .node('small', says('s'))
  .node('end', says('e'))
  .edge('check', 'big', { condition: 'amount > 10' })
  .edge('check', 'small', { condition: 'amount <= 10' })
  .edge('big', 'end')

const loop = createFlow('loop')
  .node('init', async ({ context }) => {
    await context.set('count', 0)
    return { output: 'i' }
  })
  .node('step', async ({ context }) => {
    const count = (await context.get('count')) + 1
    await context.set('count', count)
    return { output: count }
  })
  .node('after', async ({ input }) => ({ output: `after ${input}` }))
  .node('end', async ({ context }) => ({ output: `ended with ${await context.get('step')}` }))
  .loop('counter', { startNodeId: 'step', endNodeId: 'step', condition: 'count < 3' })
  .edge('init', 'counter')
  .edge('counter', 'after')
  .edge('after', 'end')

const batch = createFlow('batch')
  .node('make', async () => ({ output: [1, 2, 3] }))
  .batch('each', async ({ input }) => ({ output: input * 2 }), { inputKey: 'make', outputKey: 'doubled' })
  .node('sum', async ({ context }) => ({ output: (await context.get('doubled')).reduce((a, b) => a + b, 0) }))
  .node('end', says('e'))
  .edge('make', 'each')
  .edge('each', 'sum')
  .edge('sum', 'end')

const chunks = createFlow('chunks')
  .node('make', async () => ({ output: [1, 2, 3, 4, 5] }))
  .batch('each', async ({ input }) => ({ output: input * 2 }), { inputKey: 'make', outputKey: 'doubled', chunkSize: 2 })
  .node('sum', async ({ context }) => ({ output: (await context.get('doubled')).reduce((a, b) => a + b, 0) }))
  .edge('make', 'each')
  .edge('each', 'sum')

const fallback = createFlow('fallback')
  .node('begin', says('b'))
  .node(
    'risky',
    async () => {
      throw new Error('down')
    },
    { config: { fallback: 'safe' } },
  )
  .node('safe', says('f'))
  .node('end', says('e'))
  .node('last', says('l'))
  .edge('begin', 'risky')
  .edge('risky', 'end')
  .edge('end', 'last')

const silent = createFlow('silent')
  .node('nothing', async () => ({}))
  .node('next', says('n'))
  .edge('nothing', 'next')

const independent = createFlow('independent')
  .node('one', says('1'))
  .node('two', says('2'))
  .node('three', says('3'))
  .edge('one', 'three')

const transformed = createFlow('transformed')
  .node('make', async () => ({ output: { amount: 4 } }))
  .node('use', async ({ input }) => ({ output: input + 1 }))
  .node('end', says('e'))
  .edge('make', 'use', { transform: 'input.amount' })
  .edge('use', 'end')

const skipping = createFlow('skipping')
  .node('decide', says('d', 'left'))
  .node('left', says('l'))
  .node('join', says('j'))
  .node('end', says('e'))
  .edge('decide', 'left', { action: 'left' })
  .edge('decide', 'join', { action: 'right' })
  .edge('left', 'join')
  .edge('join', 'end')

/** A cycle without a controller. */
const cycle = createFlow('cycle')
  .node('begin', says('b'))
  .node(
    'check',
    async ({ context }) => {
      const tries = ((await context.get('tries')) ?? 0) + 1
      await context.set('tries', tries)
      return { output: tries, action: tries < 2 ? 'again' : 'ok' }
    },
    { config: { joinStrategy: 'any' } },
  )
  .node('fix', says('f'))
  .node('done', says('d'))
  .node('end', says('e'))
  .edge('begin', 'check')
  .edge('check', 'fix', { action: 'again' })
  .edge('fix', 'check')
  .edge('check', 'done', { action: 'ok' })
  .edge('done', 'end')

/** A join of whichever comes first. */
const race = createFlow('race')
  .node('one', says('1'))
  .node('two', says('2'))
  .node('first', async () => ({ output: 'f' }), { config: { joinStrategy: 'any' } })
  .node('end', says('e'))
  .edge('one', 'first')
  .edge('two', 'first')
  .edge('first', 'end')

/**
 * `refused`: the nodes from which it is refused, each with the node that the error names in its place. `again`: what the
 * context has in the new run. `lost`: nodes of a loop that is over, whose outputs a new run has by their ids alone.
 */
export const flowsToRerun = [
  { flow: diamond, refused: {} },
  { flow: branch, refused: {} },
  { flow: defaulted, refused: {} },
  { flow: conditional, context: { amount: 20 }, refused: {} },
  { flow: loop, again: { count: 0 }, refused: { step: 'counter' }, lost: ['step'] },
  { flow: batch, refused: { each_gather: 'each_scatter' } },
  { flow: chunks, refused: { each_gather: 'each_scatter' } },
  { flow: fallback, refused: { safe: 'risky' } },
  { flow: silent, refused: {} },
  { flow: independent, refused: {} },
  { flow: transformed, refused: {} },
  { flow: cycle, again: { tries: 0 }, refused: { fix: 'check', done: 'check', end: 'check' } },
  { flow: race, refused: {} },
  { flow: skipping, refused: { left: 'decide', join: 'decide' } },
]
