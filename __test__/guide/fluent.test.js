// The guide's pages "Fluent API", "Defining Workflows" and "Declarative Workflows".
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openPage } from './support.js'

const page = openPage({})

/** Checks a user, and goes on as the check says. */
const checking = (name) =>
  createFlow('checking')
    .node('fetch', async ({ context }) => {
      const user = { id: 1, name }
      await context.set('user', user)
      return { output: user }
    })
    .node(
      'validate',
      async ({ context, input }) => {
        const isValid = input.name === 'Ada'
        await context.set('valid', isValid)
        return { output: isValid, action: isValid ? 'valid' : 'invalid' }
      },
      { inputs: 'fetch' },
    )
    .node('process', async ({ context }) => {
      await context.set('state', 'completed')
      return { output: `processed ${(await context.get('user')).name}` }
    })
    .node('refuse', async ({ context }) => {
      await context.set('state', 'failed')
      return { output: 'refused' }
    })
    .edge('fetch', 'validate')
    .edge('validate', 'process', { action: 'valid' })
    .edge('validate', 'refuse', { action: 'invalid' })

page.runs(
  'the action that a node returns chooses the edge',
  {
    status: 'completed',
    outputs: { fetch: { id: 1, name: 'Ada' }, validate: true, process: 'processed Ada' },
    keys: { user: { id: 1, name: 'Ada' }, valid: true, state: 'completed' },
    executed: { fetch: 1, validate: 1, process: 1 },
  },
  () => ({ flow: checking('Ada') }),
)

page.runs(
  'another action chooses another one',
  {
    status: 'completed',
    outputs: { fetch: { id: 1, name: 'Bob' }, validate: false, refuse: 'refused' },
    keys: { user: { id: 1, name: 'Bob' }, valid: false, state: 'failed' },
    executed: { fetch: 1, validate: 1, refuse: 1 },
  },
  () => ({ flow: checking('Bob') }),
)

page.runs(
  'inputs are mapped by a name, or by names',
  { status: 'completed', outputs: { one: 1, two: 2, alone: 1, both: { first: 1, second: 2, given: 'here' } } },
  () => ({
    flow: createFlow('mapped')
      .node('one', async () => ({ output: 1 }))
      .node('two', async () => ({ output: 2 }))
      .node('alone', async ({ input }) => ({ output: input }), { inputs: 'one' })
      .node('both', async ({ input }) => ({ output: input }), {
        inputs: { first: 'one', second: 'two', given: 'given' },
      })
      .edge('one', 'two')
      .edge('two', 'alone')
      .edge('two', 'both'),
    context: { given: 'here' },
  }),
)

/** The same as JSON, with a registry of functions beside it. */
const coffee = JSON.stringify({
  id: 'coffee-shop',
  nodes: [
    { id: 'take-order', uses: 'takeOrder' },
    { id: 'make-drink', uses: 'makeDrink', inputs: 'take-order' },
    { id: 'serve-customer', uses: 'serve', inputs: 'make-drink' },
  ],
  edges: [
    { source: 'take-order', target: 'make-drink' },
    { source: 'make-drink', target: 'serve-customer' },
  ],
})

const shop = {
  takeOrder: async ({ context }) => {
    const order = { item: 'coffee', size: 'medium' }
    await context.set('order', order)
    return { output: order }
  },
  makeDrink: async ({ input }) => ({ output: `a ${input.size} ${input.item}` }),
  serve: async ({ input }) => ({ output: `served ${input}` }),
}

page.runs(
  'a blueprint may be JSON, and its nodes functions of a registry',
  {
    status: 'completed',
    outputs: {
      'take-order': { item: 'coffee', size: 'medium' },
      'make-drink': 'a medium coffee',
      'serve-customer': 'served a medium coffee',
    },
    keys: { order: { item: 'coffee', size: 'medium' } },
  },
  () => ({ flow: declared(JSON.parse(coffee), shop) }),
)

page.runs(
  'what a registry does not have fails the run, and is named',
  { executed: { 'take-order': 1 }, outputs: { 'take-order': { item: 'coffee', size: 'medium' } } },
  () => ({ flow: declared(JSON.parse(coffee), { ...shop, makeDrink: undefined }) }),
  ({ distributed }) => {
    assert.equal(distributed.status, 'failed')
    assert.match(distributed.seen.result.reason, /makeDrink/)
  },
)

page.runs(
  'a node may have data of any kind beside its own',
  { status: 'completed', outputs: { only: { greeting: 'hi', deep: { list: [1, null] } } } },
  () => ({
    flow: declared(
      {
        id: 'with-data',
        nodes: [{ id: 'only', uses: 'only', params: { greeting: 'hi', deep: { list: [1, null] } }, data: { x: 1 } }],
        edges: [],
      },
      { only: async ({ params }) => ({ output: params }) },
    ),
  }),
)
