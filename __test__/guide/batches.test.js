// The guide's pages "Batch Processing", and the batch of "Defining Workflows".
import assert from 'node:assert/strict'
import { BaseNode, createFlow } from 'flowcraft'
import { openPage, value } from './support.js'

/** What a batch notes of its items. */
const scattered = (items) => ({
  ...Object.fromEntries(items.map((item, index) => [`_batch.double_scatter_*_item_${index}`, item])),
  double_gather_allWorkerIds: items.map((_, index) => `fn_*_*_${index}`),
})

const page = openPage({
  'a batch may go through its items in chunks': {
    because: 'core’s gatherer adds a second scatterer for the next chunk, which fails on its input',
    memory: {
      status: 'failed',
      errors: ['double_gather_scatter_next', 'sum'],
      outputs: {
        start: [1, 2, 3],
        double_scatter: { gatherNodeId: 'double_gather', hasMore: true },
        'fn_*_*_0': 2,
        'fn_*_*_1': 4,
        double_gather: [],
      },
      keys: { ...scattered([1, 2]), double_gather_hasMore: true, double_scatter_currentIndex: 2 },
      executed: {
        start: 1,
        double_scatter: 1,
        'fn_*_*_0': 1,
        'fn_*_*_1': 1,
        double_gather: 1,
        sum: 1,
      },
    },
  },
})

const double = async ({ input }) => ({ output: input * 2 })
const sum = async ({ input }) => ({ output: input.reduce((total, each) => total + each, 0) })

const doubling = (items, options) =>
  createFlow('doubling')
    .node('start', value(items))
    .batch('double', double, { inputKey: 'start', outputKey: 'doubled', ...options })
    .node('sum', sum, { inputs: 'doubled' })
    .edge('start', 'double')
    .edge('double', 'sum')

const ofDoubling = (executed) => ({
  status: 'completed',
  executed: { start: 1, double_scatter: 1, double_gather: 1, sum: 1, ...executed },
})

const last =
  (doubled, total) =>
  ({ memory, distributed }) => {
    for (const { keys, outputs } of [memory, distributed]) {
      assert.deepEqual([keys.doubled, outputs.double_gather, outputs.sum], [doubled, doubled, total])
    }
  }

page.runs(
  'each item is worked on by a node of its own, and gathered in order',
  ofDoubling({ 'fn_*_*_0': 1, 'fn_*_*_1': 1, 'fn_*_*_2': 1 }),
  () => ({ flow: doubling([10, 20, 30]) }),
  last([20, 40, 60], 120),
)

page.runs(
  'several workers share a batch',
  { status: 'completed' },
  () => ({ flow: doubling(Array.from({ length: 30 }, (_, index) => index)), workers: 3 }),
  last(
    Array.from({ length: 30 }, (_, index) => index * 2),
    870,
  ),
)

page.runs('a batch of nothing gathers nothing', ofDoubling({}), () => ({ flow: doubling([]) }), last([], 0))

page.runs(
  'a batch may go through its items in chunks',
  {
    status: 'completed',
    errors: [],
    outputs: {
      start: [1, 2, 3],
      double_scatter: { gatherNodeId: 'double_gather', hasMore: false },
      'fn_*_*_0': 2,
      'fn_*_*_1': 4,
      'fn_*_*_2': 6,
      double_gather: [2, 4, 6],
      sum: 12,
    },
    keys: {
      ...scattered([1, 2, 3]),
      doubled: [2, 4, 6],
      double_gather_hasMore: false,
      double_scatter_currentIndex: 3,
    },
    executed: { start: 1, double_scatter: 2, 'fn_*_*_0': 1, 'fn_*_*_1': 1, 'fn_*_*_2': 1, double_gather: 2, sum: 1 },
  },
  () => ({ flow: doubling([1, 2, 3], { chunkSize: 2 }) }),
)

const users = [
  { id: 1, name: 'Ada' },
  { id: 2, name: '' },
  { id: 3, name: 'Grace' },
]

page.runs(
  'the parts of a batch can be named by the edges',
  { status: 'completed' },
  () => ({
    flow: createFlow('people')
      .node('prepare', async ({ context }) => {
        await context.set('users', users)
        return { output: users }
      })
      .batch('check', async ({ input }) => ({ output: { id: input.id, valid: input.name.length > 0 } }), {
        inputKey: 'users',
        outputKey: 'checked',
      })
      .node('summarize', async ({ context }) => {
        const checked = await context.get('checked')
        return { output: `${checked.filter(({ valid }) => valid).length} of ${checked.length} are valid` }
      })
      .edge('prepare', 'check_scatter')
      .edge('check_gather', 'summarize'),
  }),
  ({ distributed }) => {
    assert.equal(distributed.outputs.summarize, '2 of 3 are valid')
    assert.deepEqual(distributed.keys.checked[1], { id: 2, valid: false })
  },
)

class Square extends BaseNode {
  async exec(_, { input }) {
    return { output: input ** 2 }
  }
}

page.runs(
  'a worker may be a class',
  { status: 'completed', executed: { list: 1, square_scatter: 1, square_gather: 1, 'Square_*_0': 1, 'Square_*_1': 1 } },
  () => ({
    flow: createFlow('squares')
      .node('list', value([3, 4]))
      .batch('square', Square, { inputKey: 'list', outputKey: 'squares' })
      .edge('list', 'square'),
  }),
  ({ distributed }) => assert.deepEqual(distributed.keys.squares, [9, 16]),
)

page.runs(
  'one item that fails fails the batch, and the others are done',
  { status: 'failed' },
  () => ({
    flow: createFlow('partly')
      .node('list', value([1, 0, 2]))
      .batch(
        'invert',
        async ({ input }) => {
          if (input === 0) throw new Error('0 has no inverse')
          return { output: 1 / input }
        },
        { inputKey: 'list', outputKey: 'inverses' },
      )
      .node('after', value('after'))
      .edge('list', 'invert')
      .edge('invert', 'after'),
  }),
  ({ memory, distributed }) => {
    assert.match(distributed.seen.result.reason, /0 has no inverse/)
    for (const { executed, errors } of [memory, distributed]) {
      assert.equal(executed.after, undefined)
      assert.equal(errors.length, 1)
    }
  },
)

page.runs(
  'what a batch reads and writes may come from the run’s context',
  { status: 'completed' },
  () => ({
    flow: createFlow('given').batch('double', double, { inputKey: 'numbers', outputKey: 'doubled' }),
    context: { numbers: [1, 2] },
  }),
  ({ distributed }) => assert.deepEqual(distributed.keys.doubled, [2, 4]),
)

/** Counts how many items are worked on at a time, at most. */
const counting = (seen) => {
  let running = 0
  const worker = async ({ input }) => {
    seen.most = Math.max(seen.most, ++running)
    await new Promise(setImmediate)
    running -= 1
    return { output: input }
  }
  return createFlow('counting')
    .node('list', value([1, 2, 3, 4, 5, 6]))
    .batch('work', worker, { inputKey: 'list', outputKey: 'done' })
    .edge('list', 'work')
}

const seen = []
page.runs(
  'a limit holds for how many nodes run at a time',
  { status: 'completed' },
  () => {
    seen.push({ most: 0 })
    return { flow: counting(seen.at(-1)), concurrency: 2 }
  },
  () => {
    for (const { most } of seen) assert.ok(most <= 2, `${most} at a time`)
  },
)
