// The guide's pages "Nodes and Edges" and "Evaluators".
import assert from 'node:assert/strict'
import { createFlow, UnsafeEvaluator } from 'flowcraft'
import { openPage, pass, value } from './support.js'

const page = openPage({})

page.runs(
  'a node is given its input, and answers with an output',
  { status: 'completed', outputs: { id: 7, fetch: { id: 7, name: 'somebody' } } },
  () => ({
    flow: createFlow('fetching')
      .node('id', value(7))
      .node('fetch', async ({ input }) => ({ output: { id: input, name: 'somebody' } }))
      .edge('id', 'fetch'),
  }),
)

page.runs(
  'an edge says what comes after what',
  { status: 'completed', executed: { a: 1, b: 1, c: 1 }, keys: { order: 'abc' } },
  () => {
    const note = (letter) => async (node) => {
      await node.context.set('order', `${(await node.context.get('order')) ?? ''}${letter}`)
      return { output: letter }
    }
    return {
      flow: createFlow('ordered')
        .node('a', note('a'))
        .node('b', note('b'))
        .node('c', note('c'))
        .edge('a', 'b')
        .edge('b', 'c'),
    }
  },
)

for (const role of ['admin', 'guest']) {
  page.runs(
    `an action opens its edge: ${role}`,
    { status: 'completed', executed: { check: 1, [role]: 1 }, outputs: { check: role, [role]: `for ${role}` } },
    () => ({
      flow: createFlow('roles')
        .node('check', value(role, { action: role }))
        .node('admin', value('for admin'))
        .node('guest', value('for guest'))
        .edge('check', 'admin', { action: 'admin' })
        .edge('check', 'guest', { action: 'guest' }),
    }),
  )
}

/** Data, and an edge with a condition beside one without. */
const conditional = (output, condition) =>
  createFlow('conditional')
    .node('fetch', value(output))
    .node('large', pass)
    .node('always', value('always'))
    .edge('fetch', 'large', { condition })
    .edge('fetch', 'always')

const operators = { evaluator: new UnsafeEvaluator() }

for (const [output, condition, isTaken, runtime] of [
  [{ status: true }, 'result.output.status', true],
  [{ status: '' }, 'result.output.status', false],
  [{}, 'result.output.status.deep', false],
  // Operators are not for the default evaluator: what it cannot read is false.
  [{ status: 'ok' }, "result.output.status === 'ok'", false],
  [{ status: 'ok' }, "result.output.status === 'ok'", true, operators],
  [[1, 2, 3], 'result.output.length > 2', true, operators],
  [[1, 2], 'result.output.length > 2', false, operators],
  // An expression that fails is false.
  [{}, 'result.output.none.length > 2', false, operators],
  [{}, 'given && given.limit < 10', true, operators],
]) {
  const by = runtime ? 'the evaluator of JavaScript' : 'the default evaluator'
  page.runs(
    `a condition opens its edge or not, for ${by}: ${condition} of ${JSON.stringify(output)}`,
    {
      status: 'completed',
      executed: { fetch: 1, always: 1, ...(isTaken && { large: 1 }) },
      outputs: { fetch: output, always: 'always', ...(isTaken && { large: output }) },
    },
    () => ({ flow: conditional(output, condition), runtime, context: { given: { limit: 5 } } }),
  )
}

page.runs(
  'an action and a condition must both be so',
  { status: 'completed', executed: { check: 1, small: 1 }, outputs: { check: 0, small: 0 } },
  () => ({
    flow: createFlow('both')
      .node('check', value(0, { action: 'big' }))
      .node('big', pass)
      .node('small', pass)
      .edge('check', 'big', { action: 'big', condition: 'result.output > 0' })
      .edge('check', 'small'),
    runtime: operators,
  }),
)

for (const [transform, given, runtime] of [
  ['input.user.name', 'ada'],
  ['context.limit', 5],
  ["input.user.name.toUpperCase() + '!'", 'ADA!', operators],
  ['[input.user.name, context.limit * 2]', ['ada', 10], operators],
]) {
  page.runs(
    `a transform makes the input: ${transform}`,
    { status: 'completed', outputs: { a: { user: { name: 'ada' } }, b: given } },
    () => ({
      flow: createFlow('transformed')
        .node('a', value({ user: { name: 'ada' } }))
        .node('b', pass)
        .edge('a', 'b', { transform }),
      runtime,
      context: { limit: 5 },
    }),
  )
}

/** Knows comparisons of a property with a number, and nothing else. */
class Comparing {
  evaluate(expression, context) {
    const [, path, operator, number] = /^([\w.]+) (===|<|>) (\d+)$/.exec(expression) ?? []
    const value = path?.split('.').reduce((from, key) => from?.[key], context)
    if (operator === '<') return value < Number(number)
    if (operator === '>') return value > Number(number)
    if (operator === '===') return value === Number(number)
    return undefined
  }
}

page.runs(
  'an evaluator of one’s own decides conditions and loops',
  {
    status: 'completed',
    keys: { n: 3 },
    executed: { begin: 1, again: 4, body: 3, check: 1, many: 1 },
    errors: [],
  },
  () => ({
    flow: createFlow('compared')
      .node('begin', value(0))
      .node('body', async ({ context }) => {
        const n = ((await context.get('n')) ?? 0) + 1
        await context.set('n', n)
        return { output: n }
      })
      .node('check', async ({ context }) => ({ output: await context.get('n') }))
      .node('many', value('many'))
      .node('one', value('one'))
      .loop('again', { startNodeId: 'body', endNodeId: 'body', condition: 'n < 3' })
      .edge('begin', 'again')
      .edge('again', 'check')
      .edge('check', 'many', { condition: 'result.output > 2' })
      .edge('check', 'one', { condition: 'result.output === 1' }),
    runtime: { evaluator: new Comparing() },
    context: { n: 0 },
  }),
)

const JOINED = { s: 0, a: 'a', b: 'b', c: 'c' }

page.runs(
  'an `all` join has all of its inputs',
  {
    status: 'completed',
    outputs: { ...JOINED, j: { a: 'a', b: 'b', c: 'c' } },
    executed: { s: 1, a: 1, b: 1, c: 1, j: 1 },
  },
  () => ({
    flow: createFlow('all')
      .node('s', value(0))
      .node('a', value('a'))
      .node('b', value('b'))
      .node('c', value('c'))
      .node('j', pass, { inputs: { a: 'a', b: 'b', c: 'c' } })
      .edge('s', 'a')
      .edge('s', 'b')
      .edge('b', 'c')
      .edge('a', 'j')
      .edge('b', 'j')
      .edge('c', 'j'),
    workers: 2,
  }),
  ({ distributed }) => assert.deepEqual(distributed.errors, []),
)
