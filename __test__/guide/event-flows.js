// Flows whose event streams are compared: one for each construct that has events of its own. Each is a program as support.js
// describes it.
import { BaseNode, createFlow, SubflowNode, UnsafeEvaluator } from 'flowcraft'
import { pass, value } from './support.js'

const operators = { evaluator: new UnsafeEvaluator() }
const throws = async () => {
  throw new Error('down')
}

/** Fails so often, and then answers. */
const after = (failures) => {
  let n = 0
  return async () => {
    if (++n <= failures) throw new Error(`attempt ${n}`)
    return { output: n }
  }
}

const count = (key) => async (node) => {
  const n = ((await node.context.get(key)) ?? 0) + 1
  await node.context.set(key, n)
  return { output: n }
}

class Steps extends BaseNode {
  async prep({ context }) {
    await context.set('prepared', true)
    return 1
  }
  async exec(prepared) {
    return { output: prepared + 1 }
  }
  async post(result, { context }) {
    await context.set('posted', result.output)
    return result
  }
}

class Saves extends BaseNode {
  async exec() {
    throw new Error('down')
  }
  async fallback() {
    return { output: 'saved by itself' }
  }
  async recover(_, { context }) {
    await context.set('recovered', true)
  }
}

const double = async ({ input }) => ({ output: input * 2 })
const inner = () => createFlow('inner').node('one', value('in')).node('two', pass).edge('one', 'two')

export const FLOWS = {
  'a chain': () => ({
    flow: createFlow('chain').node('a', value(1)).node('b', pass).node('c', pass).edge('a', 'b').edge('b', 'c'),
  }),
  'keys set and deleted': () => ({
    flow: createFlow('keys')
      .node('a', async ({ context }) => {
        await context.set('kept', { deep: [1] })
        await context.set('gone', 1)
        return { output: null }
      })
      .node('b', async ({ context }) => {
        await context.delete('gone')
        await context.delete('never')
        await context.set('kept', { deep: [2] })
        return { output: 'b' }
      })
      .edge('a', 'b'),
  }),
  'a fan and an `all` join': () => ({
    flow: createFlow('fan')
      .node('s', value('s'))
      .node('a', value('a'))
      .node('b', value('b'))
      .node('j', async ({ input }) => ({ output: [input.a, input.b] }), { inputs: { a: 'a', b: 'b' } })
      .edge('s', 'a')
      .edge('s', 'b')
      .edge('a', 'j')
      .edge('b', 'j'),
  }),
  'an `any` join': () => ({
    flow: createFlow('any')
      .node('s', value('s', { action: 'left' }))
      .node('a', value('a'))
      .node('b', value('b'))
      .node('j', pass, { config: { joinStrategy: 'any' } })
      .edge('s', 'a', { action: 'left' })
      .edge('s', 'b', { action: 'right' })
      .edge('a', 'j')
      .edge('b', 'j'),
  }),
  'conditions, of which one is false': () => ({
    flow: createFlow('conditions')
      .node('a', value({ ok: true, no: false }))
      .node('b', pass)
      .node('c', pass)
      .edge('a', 'b', { condition: 'result.output.ok' })
      .edge('a', 'c', { condition: 'result.output.no' }),
  }),
  'an action with a condition': () => ({
    flow: createFlow('action')
      .node('a', value(3, { action: 'go' }))
      .node('b', pass)
      .node('c', pass)
      .node('d', pass)
      .edge('a', 'b', { action: 'go', condition: 'result.output > 2' })
      .edge('a', 'c', { action: 'go', condition: 'result.output > 9' })
      .edge('a', 'd', { action: 'stay' }),
    runtime: operators,
  }),
  'a transform': () => ({
    flow: createFlow('transform')
      .node('a', value({ x: { y: 7 } }))
      .node('b', pass)
      .edge('a', 'b', { transform: 'input.x.y' }),
  }),
  'a fallback': () => ({
    flow: createFlow('fallback')
      .node('p', throws, { config: { fallback: 'f' } })
      .node('f', value('saved'))
      .node('z', pass)
      .edge('p', 'z'),
    starts: ['p'],
  }),
  'a node that fails': () => ({
    flow: createFlow('fails').node('a', value(1)).node('b', throws).node('c', pass).edge('a', 'b').edge('b', 'c'),
  }),
  'a node that is tried again': () => ({
    flow: createFlow('again')
      .node('a', after(2), { config: { maxRetries: 3 } })
      .node('b', pass)
      .edge('a', 'b'),
  }),
  'a node whose attempts are used up': () => ({
    flow: createFlow('used-up').node('a', after(9), { config: { maxRetries: 2 } }),
  }),
  'retries through the queue, and a fallback': () => ({
    flow: createFlow('queued')
      .node('p', after(9), { config: { maxRetries: 3, retryDelay: 1, fallback: 'f' } })
      .node('f', value('saved'))
      .node('z', pass)
      .edge('p', 'z'),
    starts: ['p'],
    adapter: { retryMode: 'queue' },
  }),
  'a class node': () => ({
    flow: createFlow('class').node('a', Steps).node('b', pass).edge('a', 'b'),
  }),
  'a class node that saves itself': () => ({
    flow: createFlow('saves')
      .node('a', Saves, { config: { maxRetries: 2 } })
      .node('b', pass)
      .edge('a', 'b'),
  }),
  'a batch': () => ({
    flow: createFlow('batch')
      .node('list', value([1, 2, 3]))
      .batch('double', double, { inputKey: 'list', outputKey: 'doubled' })
      .node('end', value('end'))
      .edge('list', 'double')
      .edge('double', 'end'),
  }),
  'a loop': () => ({
    flow: createFlow('loop')
      .node('init', value(0))
      .node('body', count('n'))
      .loop('again', { startNodeId: 'body', endNodeId: 'body', condition: 'n < 3' })
      .node('end', pass)
      .edge('init', 'again')
      .edge('again', 'end'),
    runtime: operators,
    context: { n: 0 },
  }),
  'a loop of two nodes': () => ({
    flow: createFlow('loop-of-two')
      .node('init', value(0))
      .node('first', count('n'))
      .node('last', async ({ input }) => ({ output: input * 10 }))
      .loop('again', { startNodeId: 'first', endNodeId: 'last', condition: 'n < 2' })
      .node('end', pass)
      .edge('init', 'again')
      .edge('first', 'last')
      .edge('again', 'end'),
    runtime: operators,
    context: { n: 0 },
  }),
  'a cycle of edges': () => ({
    flow: createFlow('cycle')
      .node('work', count('n'), { config: { joinStrategy: 'any' } })
      .node('check', async ({ input }) => ({ output: input, action: input < 3 ? 'again' : 'done' }), {
        config: { joinStrategy: 'any' },
      })
      .node('end', pass)
      .edge('work', 'check')
      .edge('check', 'work', { action: 'again' })
      .edge('check', 'end', { action: 'done' })
      .setCycleEntryPoint('work'),
    starts: ['work'],
  }),
  'a subflow': () => ({
    flow: createFlow('outer')
      .node('s', SubflowNode, { params: { blueprintId: 'inner', outputs: { mapped: 'two' } } })
      .node('end', value('end'))
      .edge('s', 'end'),
    also: [inner()],
  }),
  'a subflow that fails': () => ({
    flow: createFlow('outer').node('s', SubflowNode, { params: { blueprintId: 'failing' } }),
    also: [createFlow('failing').node('one', value(1)).node('two', throws).edge('one', 'two')],
  }),
  'a subflow in a subflow': () => ({
    flow: createFlow('outermost')
      .node('s', SubflowNode, { params: { blueprintId: 'outer' } })
      .node('end', value('end'))
      .edge('s', 'end'),
    also: [createFlow('outer').node('t', SubflowNode, { params: { blueprintId: 'inner' } }), inner()],
  }),
  'several nodes to start with': () => ({
    flow: createFlow('starts').node('a', value(1)).node('b', value(2)).node('c', value(3)),
  }),
  'a join that is not reached': () => ({
    flow: createFlow('unreached')
      .node('a', value(1, { action: 'left' }))
      .node('b', value(2))
      .node('c', value(3))
      .node('j', value('j'))
      .edge('a', 'b', { action: 'left' })
      .edge('a', 'c', { action: 'right' })
      .edge('b', 'j')
      .edge('c', 'j'),
  }),
  'a node without an output': () => ({
    flow: createFlow('none')
      .node('a', async () => ({}))
      .node('b', pass)
      .edge('a', 'b'),
  }),
  'middleware that writes': () => ({
    flow: createFlow('middleware').node('a', value(1)).node('b', pass).edge('a', 'b'),
    runtime: { middleware: [{ beforeNode: (context, nodeId) => context.set('last', nodeId) }] },
  }),
  'a wait': () => ({
    flow: createFlow('wait').node('a', value(1)).wait('ask').node('b', pass).edge('a', 'ask').edge('ask', 'b'),
    steps: [{ node: 'ask', output: 'yes' }],
  }),
  'a sleep': () => ({
    flow: createFlow('sleep')
      .node('a', value(1))
      .sleep('nap', { duration: 1 })
      .node('b', pass)
      .edge('a', 'nap')
      .edge('nap', 'b'),
    steps: [{ timer: 'nap' }],
  }),
}
