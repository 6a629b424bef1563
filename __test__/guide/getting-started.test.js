// The guide's pages "Getting Started" and "Core Concepts".
import assert from 'node:assert/strict'
import { BaseNode, createFlow } from 'flowcraft'
import { openPage, pass, value } from './support.js'

const page = openPage()

page.runs(
  'a first flow: one node’s output is the next one’s input',
  {
    status: 'completed',
    outputs: { start: 42, double: 84 },
    keys: { initial: 42, doubled: 84 },
    executed: { start: 1, double: 1 },
  },
  () => ({
    flow: createFlow('simple')
      .node('start', async ({ context }) => {
        await context.set('initial', 42)
        return { output: 42 }
      })
      .node('double', async ({ context, input }) => {
        await context.set('doubled', input * 2)
        return { output: input * 2 }
      })
      .edge('start', 'double'),
  }),
  ({ memory, distributed }) => {
    // The result has the context as a text, too.
    const { payload } = distributed.seen.result
    for (const result of [memory.result, payload]) {
      const { _executionId, ...context } = JSON.parse(result.serializedContext)
      assert.equal(context.doubled, 84)
      assert.equal(context['_outputs.double'], 84)
    }
    assert.equal(payload.status, memory.result.status)
  },
)

class Multiply extends BaseNode {
  async exec(prepared) {
    if (typeof prepared !== 'number') throw new TypeError('a number is needed')
    return { output: prepared * this.params.factor }
  }
}

const multiplied = (input) => () => ({
  flow: createFlow('multiplied')
    .node('give', async () => ({ output: input }))
    .node('multiply', Multiply, { params: { factor: 3 } })
    .edge('give', 'multiply'),
})

page.runs(
  'a class node has its parameters from the blueprint',
  { status: 'completed', outputs: { give: 4, multiply: 12 } },
  multiplied(4),
)

page.runs(
  'and may refuse its input',
  { status: 'failed', errors: ['multiply'], outputs: { give: 'four' } },
  multiplied('four'),
  ({ distributed }) => assert.match(distributed.seen.result.reason, /'multiply'.*a number is needed/),
)

page.runs(
  'an output stands in the context under its node’s id',
  { status: 'completed', outputs: { first: { value: 100 }, second: 200 } },
  () => ({
    flow: createFlow('state')
      .node('first', async () => ({ output: { value: 100 } }))
      .node('second', async ({ context }) => ({ output: (await context.get('first')).value * 2 }))
      .edge('first', 'second'),
  }),
)

page.runs(
  'the context is read, written, asked and deleted from by every node',
  {
    status: 'completed',
    keys: { count: 2, history: ['one', 'two'], user: { id: 7, tags: ['a'] } },
    outputs: { one: 'done', two: { had: [true, false], gone: [false, null], all: ['count', 'history', 'user'] } },
  },
  () => ({
    flow: createFlow('stateful')
      .node('one', async ({ context }) => {
        await context.set('count', 1)
        await context.set('history', ['one'])
        await context.set('passing', true)
        return { output: 'done' }
      })
      .node('two', async ({ context }) => {
        const had = [await context.has('passing'), await context.has('nothing')]
        await context.delete('passing')
        const gone = [await context.has('passing'), (await context.get('passing')) ?? null]
        await context.set('count', ((await context.get('count')) ?? 0) + 1)
        await context.set('history', [...(await context.get('history')), 'two'])
        const keys = Object.keys(await context.toJSON()).filter((key) => ['count', 'history', 'user'].includes(key))
        return { output: { had, gone, all: keys.sort() } }
      })
      .edge('one', 'two'),
    context: { user: { id: 7, tags: ['a'] } },
  }),
)

page.runs(
  'what a run starts with is there for all of its nodes',
  { status: 'completed', outputs: { greet: 'hello, Ada', loud: 'HELLO, ADA' }, keys: { name: 'Ada' } },
  () => ({
    flow: createFlow('given')
      .node('greet', async ({ context }) => ({ output: `hello, ${await context.get('name')}` }))
      .node('loud', async ({ input }) => ({ output: input.toUpperCase() }))
      .edge('greet', 'loud'),
    context: { name: 'Ada' },
  }),
)

/** Something that one node waits for, and another one does. */
function step() {
  let reach
  const reached = new Promise((resolve) => {
    reach = resolve
  })
  return { reached, reach }
}

/** One node that writes while another one runs, which goes on when that is written. */
function sideBySide(read) {
  const [reading, written] = [step(), step()]
  return createFlow('side-by-side')
    .node('begin', value(0))
    .node('writer', async ({ context }) => {
      await reading.reached
      await context.set('flag', true)
      written.reach()
      return { output: 'written' }
    })
    .node('reader', async ({ context }) => {
      reading.reach()
      await written.reached
      return { output: await read(context) }
    })
    .edge('begin', 'writer')
    .edge('begin', 'reader')
}

page.runs(
  'what a node writes is there for one that runs beside it',
  {
    status: 'completed',
    keys: { flag: true },
    outputs: { begin: 0, writer: 'written', reader: true },
    executed: { begin: 1, writer: 1, reader: 1 },
  },
  () => ({ flow: sideBySide(async (context) => (await context.get('flag')) ?? null), concurrency: 2 }),
)

page.runs(
  'and for the conditions of its edges',
  {
    status: 'completed',
    keys: { flag: true },
    outputs: { begin: 0, writer: 'written', reader: 'read', after: 'read' },
    executed: { begin: 1, writer: 1, reader: 1, after: 1 },
  },
  () => ({
    flow: sideBySide(async () => 'read')
      .node('after', pass)
      .edge('reader', 'after', { condition: 'flag' }),
    concurrency: 2,
  }),
)

const LIFECYCLE = ['prep', 'exec', 'post']

page.runs(
  'the steps of a class node come one after the other',
  { status: 'completed', keys: { steps: LIFECYCLE }, outputs: { only: 'prepared, executed, posted' } },
  () => ({
    flow: createFlow('steps').node(
      'only',
      class extends BaseNode {
        steps = []
        async prep() {
          this.steps.push('prep')
          return 'prepared'
        }
        async exec(prepared) {
          this.steps.push('exec')
          return { output: `${prepared}, executed` }
        }
        async post({ output }, { context }) {
          await context.set('steps', [...this.steps, 'post'])
          return { output: `${output}, posted` }
        }
      },
    ),
  }),
)

page.runs(
  'a node may depend on what its runtime is given',
  { status: 'completed', outputs: { ask: 'rows of people' } },
  () => ({
    flow: createFlow('depending').node('ask', async ({ dependencies }) => ({
      output: await dependencies.database.query('people'),
    })),
    runtime: { dependencies: { database: { query: async (table) => `rows of ${table}` } } },
  }),
)

page.runs(
  'nothing but outputs and keys is left of a run',
  { status: 'completed', outputs: { a: 1, b: 1 }, keys: {}, awaiting: {}, errors: [] },
  () => ({
    flow: createFlow('bare')
      .node('a', async () => ({ output: 1 }))
      .node('b', pass)
      .edge('a', 'b'),
  }),
)
