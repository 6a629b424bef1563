// The guide's page "Middleware", and what "Observability" says of tracing.
import assert from 'node:assert/strict'
import { createFlow, SubflowNode } from 'flowcraft'
import { openPage, pass, value } from './support.js'

const page = openPage({
  'a fallback takes over where a transaction was rolled back': {
    because: 'in memory an error that comes out of a middleware reaches no fallback',
    memory: { status: 'failed', outputs: { book: 'booked' }, executed: { book: 1, pay: 1 }, errors: ['pay'] },
  },
})

/** A program whose middleware writes into a log, one for each of its two runs; `check` looks at both. */
function logged(name, promised, make, check) {
  const logs = []
  page.runs(
    name,
    promised,
    () => {
      logs.push([])
      return make(logs.at(-1))
    },
    () => {
      for (const log of logs) check(log)
      assert.deepEqual(logs[1], logs[0], 'distributed, as in memory')
    },
  )
}

/** A database whose transactions are around nodes. */
const transactions = (log) => ({
  aroundNode: async (_, nodeId, next) => {
    log.push(`begin ${nodeId}`)
    try {
      const result = await next()
      log.push(`commit ${nodeId}`)
      return result
    } catch (error) {
      log.push(`roll back ${nodeId}`)
      throw error
    }
  },
})

const payment = (second) => createFlow('payment').node('book', value('booked')).node('pay', second).edge('book', 'pay')

logged(
  'a transaction around each node is committed',
  { status: 'completed', outputs: { book: 'booked', pay: 'booked' } },
  (log) => ({ flow: payment(pass), runtime: { middleware: [transactions(log)] } }),
  (log) => assert.deepEqual(log, ['begin book', 'commit book', 'begin pay', 'commit pay']),
)

logged(
  'or rolled back, and the error goes on',
  { status: 'failed', outputs: { book: 'booked' }, errors: ['pay'] },
  (log) => ({
    flow: payment(async () => Promise.reject(new Error('declined'))),
    runtime: { middleware: [transactions(log)] },
  }),
  (log) => assert.deepEqual(log, ['begin book', 'commit book', 'begin pay', 'roll back pay']),
)

page.runs(
  'a fallback takes over where a transaction was rolled back',
  {
    status: 'completed',
    outputs: { book: 'booked', pay: null, invoice: 'by invoice' },
    executed: { book: 1, pay: 1, invoice: 1 },
    errors: [],
  },
  () => ({
    flow: createFlow('payment')
      .node('book', value('booked'))
      .node('pay', async () => Promise.reject(new Error('declined')), { config: { fallback: 'invoice' } })
      .node('invoice', value('by invoice'))
      .edge('book', 'pay'),
    runtime: { middleware: [transactions([])] },
    starts: ['book'],
  }),
)

/** Notes what each node is given to remember until it is done. */
const timing = (log) => {
  const begun = new WeakMap()
  return {
    beforeNode: (context, nodeId) => {
      begun.set(context, nodeId)
      log.push(`execute ${nodeId}`)
    },
    afterNode: (context, nodeId, result, error) => {
      assert.equal(begun.get(context), nodeId)
      log.push(`${nodeId} is ${error ? `failed: ${error.message}` : `done: ${result.output}`}`)
    },
  }
}

logged(
  'what is before a node and after it has one context',
  { status: 'completed' },
  (log) => ({ flow: payment(pass), runtime: { middleware: [timing(log)] } }),
  (log) => assert.deepEqual(log, ['execute book', 'book is done: booked', 'execute pay', 'pay is done: booked']),
)

logged(
  'what is after a node hears of its failure',
  { status: 'failed' },
  (log) => ({
    flow: payment(async () => Promise.reject(new Error('declined'))),
    runtime: { middleware: [timing(log)] },
  }),
  (log) => assert.deepEqual(log.slice(2), ['execute pay', 'pay is failed: declined']),
)

logged(
  'several are around each other in their order',
  { status: 'completed' },
  (log) => {
    const around = (name) => ({
      aroundNode: async (_, __, next) => {
        log.push(`into ${name}`)
        const result = await next()
        log.push(`out of ${name}`)
        return result
      },
    })
    return { flow: createFlow('one').node('only', value(1)), runtime: { middleware: [around('a'), around('b')] } }
  },
  (log) => assert.deepEqual(log, ['into a', 'into b', 'out of b', 'out of a']),
)

logged(
  'retries are within it',
  { status: 'completed', outputs: { only: 3 } },
  (log) => {
    let n = 0
    const third = async () => {
      log.push(`attempt ${++n}`)
      if (n < 3) throw new Error('not yet')
      return { output: n }
    }
    return {
      flow: createFlow('retried').node('only', third, { config: { maxRetries: 3 } }),
      runtime: { middleware: [transactions(log)] },
    }
  },
  (log) => assert.deepEqual(log, ['begin only', 'attempt 1', 'attempt 2', 'attempt 3', 'commit only']),
)

page.runs(
  'it may write into the context',
  { status: 'completed', keys: { executions: 2, last: 'pay', 'ended book': true, 'ended pay': true } },
  () => ({
    flow: payment(pass),
    runtime: {
      middleware: [
        {
          aroundNode: async (context, nodeId, next) => {
            await context.set('executions', ((await context.get('executions')) ?? 0) + 1)
            await context.set('last', nodeId)
            const result = await next()
            await context.set(`ended ${nodeId}`, true)
            return result
          },
        },
      ],
    },
  }),
)

page.runs(
  'it may change the result in place',
  { status: 'completed', outputs: { book: { data: 'booked', by: 'book' }, pay: { data: 'booked', by: 'pay' } } },
  () => ({
    flow: createFlow('enriched')
      .node('book', value({ data: 'booked' }))
      .node('pay', async ({ input }) => ({ output: { data: input.data } }))
      .edge('book', 'pay'),
    runtime: {
      middleware: [
        {
          aroundNode: async (_, nodeId, next) => {
            const result = await next()
            result.output.by = nodeId
            return result
          },
        },
      ],
    },
  }),
)

page.runs(
  'it may answer in the place of a node, from a cache',
  { status: 'completed', outputs: { expensive: 'cached', after: 'cached' }, keys: { cache: { expensive: 'cached' } } },
  () => ({
    flow: createFlow('cached')
      .node('expensive', async () => Promise.reject(new Error('is not to run')))
      .node('after', pass)
      .edge('expensive', 'after'),
    runtime: {
      middleware: [
        {
          aroundNode: async (context, nodeId, next) => {
            const { [nodeId]: output } = (await context.get('cache')) ?? {}
            return output === undefined ? next() : { output }
          },
        },
      ],
    },
    context: { cache: { expensive: 'cached' } },
  }),
)

page.runs(
  'what it throws before a node fails the node',
  { status: 'failed', errors: ['b'], outputs: { a: 1 }, executed: { a: 1, b: 1 } },
  () => ({
    flow: createFlow('refused').node('a', value(1)).node('b', pass).edge('a', 'b'),
    runtime: {
      middleware: [
        {
          beforeNode: (_, nodeId) => {
            if (nodeId === 'b') throw new Error('not you')
          },
        },
      ],
    },
  }),
  ({ distributed }) => assert.match(distributed.seen.result.reason, /not you/),
)

page.runs(
  'it is around the nodes of a batch and of a loop',
  { status: 'completed' },
  () => ({
    flow: createFlow('around-all')
      .node('list', value([1, 2]))
      .batch('double', async ({ input }) => ({ output: input * 2 }), { inputKey: 'list', outputKey: 'doubled' })
      .edge('list', 'double'),
    runtime: {
      middleware: [{ afterNode: (context) => context.set('seen', true) }],
    },
  }),
  ({ memory, distributed }) => {
    for (const { keys } of [memory, distributed]) assert.deepEqual([keys.seen, keys.doubled], [true, [2, 4]])
  },
)

/** Says when it is before, around and after which node. */
const nested = (log) => ({
  beforeNode: (_, nodeId) => void log.push(`before ${nodeId}`),
  afterNode: (_, nodeId, result, error) =>
    void log.push(`after ${nodeId}: ${error ? 'failed' : JSON.stringify(result?.output)}`),
  aroundNode: async (_, nodeId, next) => {
    log.push(`into ${nodeId}`)
    try {
      return await next()
    } finally {
      log.push(`out of ${nodeId}`)
    }
  },
})

const nesting = (params = {}, config = {}) =>
  createFlow('nesting')
    .node('first', value(1))
    .node('sub', SubflowNode, { params: { blueprintId: 'inner', ...params }, config })
    .node('last', pass)
    .edge('first', 'sub')
    .edge('sub', 'last')

/** What is logged of a node that gives `output`. */
const logOf = (nodeId, output, inside = []) => [
  `into ${nodeId}`,
  `before ${nodeId}`,
  ...inside,
  `after ${nodeId}: ${output}`,
  `out of ${nodeId}`,
]

logged(
  'it is around a node that runs a subflow, and within that around each node inside',
  { status: 'completed', outputs: { first: 1, sub: 2, last: 2 } },
  (log) => ({
    flow: nesting(),
    also: [
      createFlow('inner')
        .node('a', pass)
        .node('b', async ({ input }) => ({ output: input + 1 }))
        .edge('a', 'b'),
    ],
    runtime: { middleware: [nested(log)] },
    adapter: { subflows: 'jobs' },
  }),
  (log) =>
    assert.deepEqual(log, [
      ...logOf('first', 1),
      ...logOf('sub', 2, [...logOf('a', 1), ...logOf('b', 2)]),
      ...logOf('last', 2),
    ]),
)

logged(
  'it hears of a failure inside a subflow from the inside out, at each attempt within the container',
  { status: 'failed', errors: ['sub'], outputs: { first: 1 } },
  (log) => ({
    flow: nesting({}, { maxRetries: 2 }),
    also: [createFlow('inner').node('a', async () => Promise.reject(new Error('no')))],
    runtime: { middleware: [nested(log)] },
    adapter: { subflows: 'jobs' },
  }),
  (log) => {
    const inside = logOf('a', 'x').with(2, 'after a: failed')
    assert.deepEqual(log, [
      ...logOf('first', 1),
      ...logOf('sub', 'x', [...inside, ...inside]).with(-2, 'after sub: failed'),
    ])
  },
)

page.runs(
  'what it writes around a node inside a subflow stays in the context of that',
  { status: 'completed', keys: { 'by first': true, 'by sub': true, 'by last': true, given: true, 'a reads': null } },
  () => ({
    flow: nesting({ outputs: { given: 'by a', 'a reads': 'b' } }),
    also: [
      createFlow('inner')
        .node('a', pass)
        .node('b', async ({ context }) => ({ output: (await context.get('by first')) ?? null }))
        .edge('a', 'b'),
    ],
    runtime: { middleware: [{ beforeNode: (context, nodeId) => context.set(`by ${nodeId}`, true) }] },
    adapter: { subflows: 'jobs' },
  }),
)

logged(
  'a container that was paused is not gone around again; what goes on inside is',
  { status: 'completed', outputs: { first: 1, sub: 'yes', last: 'yes' } },
  (log) => ({
    flow: nesting(),
    also: [
      createFlow('inner').node('ask', pass).wait('review').node('b', pass).edge('ask', 'review').edge('review', 'b'),
    ],
    steps: [{ node: 'sub', output: 'yes' }],
    runtime: { middleware: [nested(log)] },
    adapter: { subflows: 'jobs' },
  }),
  (log) =>
    assert.deepEqual(log, [
      ...logOf('first', 1),
      ...logOf('sub', undefined, [...logOf('ask', 1), ...logOf('review', undefined)]),
      ...logOf('b', '"yes"'),
      ...logOf('last', '"yes"'),
    ]),
)
