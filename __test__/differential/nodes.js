// What the nodes of a generated blueprint do. All of it is data in `params`, so that a blueprint is plain JSON:
//   base, shape      what the output is made of; 'nothing' returns no result at all
//   odd              the kind of the values that JSON does not hold: of the output, if that is its shape, and of the keys it sets
//   action           the action it returns, or a list of them: by turns, counted by the key in `count`
//   read             context keys that go into the output
//   write, count     context keys it sets, and counts up
//   touches          what it does to context keys that other nodes use too, in order: `{ op, key }`
//   until            a context key that it waits for, and that goes into the output
//   fails            true: always; a number: so many attempts; { key, is }: when this context key has this value
//   tries            where its attempts are noted, and how many an execution has: `{ key, of }`
//   fatal            its failures are fatal
//   rescue           (class) its own `fallback` method answers in its place
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseNode, FlowcraftError, SubflowNode } from 'flowcraft'
import { beginAttempt, endAttempts } from './attempts.js'
import { odd } from './odd-values.js'
import { isLong, totalBy } from './totals.js'

/** How long a node waits for a key, in milliseconds. */
const LONGEST_WAIT = 10_000

async function work(node) {
  const { params, context, input, dependencies } = node
  const { base = 1, shape = 'number' } = params
  const total = totalBy(dependencies)
  const attempt = await beginAttempt(node)

  let count = 0
  if (params.count) {
    // Once an execution, not once an attempt.
    count = ((await context.get(params.count)) ?? 0) + (attempt === 1 ? 1 : 0)
    await context.set(params.count, count)
  }
  const read = []
  for (const key of params.read ?? []) read.push((await context.get(key)) ?? 'none')
  if (params.until) read.push(await appearing(context, params.until))
  for (const { op, key } of params.touches ?? []) {
    const value = await touch[op](context, key, {
      v: (base + total(input) + total(read)) % 997,
      total,
      kind: params.odd,
    })
    if (value !== undefined) read.push(value)
  }
  const v = (base + count * 7 + total(input) + total(read)) % 997
  if (params.write) await context.set(params.write, params.odd ? odd(params.odd, v) : v)

  const { fails } = params
  if (fails === true || attempt <= fails || (fails?.key && (await context.get(fails.key)) === fails.is)) {
    if (!params.fatal) throw new Error('on purpose')
    await endAttempts(node)
    throw new FlowcraftError('on purpose, fatally', { isFatal: true })
  }
  await endAttempts(node)
  if (shape === 'nothing') return undefined
  const action = Array.isArray(params.action) ? params.action[count % params.action.length] : params.action
  return { output: shapes[shape]({ v, input, read, params, dependencies }), ...(action && { action }) }
}

const shapes = {
  number: ({ v }) => v,
  object: ({ v, read }) => ({ v, text: `v${v}`, list: [v, v + 1], read }),
  echo: ({ v, input, params: { base = 1 }, dependencies }) => ({
    v,
    got: isLong(input, dependencies) ? totalBy(dependencies)(input) : (input ?? null),
    base,
  }),
  odd: ({ v, params }) => odd(params.odd, v),
  list: ({ v }) => Array.from({ length: v % 4 }, (_, index) => ({ v: v + index })),
  null: () => null,
  none: () => undefined,
  sometimes: ({ v }) => (v % 2 ? v : undefined),
}

/** What a node does to a key that others use too; what it reads of it goes into its output. */
const touch = {
  get: async (context, key) => (await context.get(key)) ?? 'none',
  has: (context, key) => context.has(key),
  json: async (context, key) => (await context.toJSON())[key] ?? 'none',
  set: (context, key, { v, kind }) => context.set(key, kind ? odd(kind, v) : { v }),
  /** Not waited for: what it sets is there for what follows all the same. */
  loose(context, key, { v }) {
    void context.set(key, [v])
  },
  async add(context, key, { v, total }) {
    await context.set(key, (total(await context.get(key)) + v) % 997)
  },
  delete: (context, key) => context.delete(key),
  patch: (context, key, { v, kind }) =>
    patched(context, [
      { op: 'delete', key },
      { op: 'set', key: `${key}_patched`, value: v },
      { op: 'set', key, value: { v, by: kind ? odd(kind, v) : 'patch' } },
      { op: 'delete', key: `${key}_patched` },
    ]),
}

/**
 * In memory a context has no `patch`: this does the operations one by one, past the part of core that tells each change. Core
 * tells nothing of a `patch` either.
 */
async function patched(context, operations) {
  try {
    await context.patch(operations)
  } catch (error) {
    if (error.message !== 'Patch operations not supported by AsyncContextView') throw error
    const quiet = context.innerContext
    for (const { op, key, value } of operations) await (op === 'set' ? quiet.set(key, value) : quiet.delete(key))
  }
}

/** The value of a key that another node sets, once it is there. */
async function appearing(context, key) {
  for (const deadline = Date.now() + LONGEST_WAIT; Date.now() < deadline; await sleep(1 + Math.random() * 5)) {
    const value = await context.get(key)
    if (value !== undefined) return value
  }
  return 'never'
}

class Work extends BaseNode {
  async exec(_prepared, context) {
    return work(context)
  }

  async post(result, { context, params }) {
    if (params.write) await context.set(`${params.write}_post`, true)
    return result
  }

  async fallback(error) {
    if (!this.params.rescue) throw error
    const action = [this.params.action].flat().at(-1)
    return { output: { v: this.params.base ?? 1, rescued: error.message }, ...(action && { action }) }
  }
}

/** The worker of every batch; what it does is in the item. */
async function item({ input, context, dependencies }) {
  const total = totalBy(dependencies)
  if (input.fails) throw new Error('a bad item')
  if (input.write) await context.set(input.write, input.v)
  const read = input.reads ? total(await context.get(input.reads)) : 0
  return { output: input.none ? undefined : { v: input.v * 2 + read + total(input.odd) } }
}

/** The worker of a batch that runs a subflow for every item. */
class ItemFlow extends SubflowNode {
  constructor(_params, nodeId) {
    super({ blueprintId: ITEM_FLOW.id }, nodeId)
  }
}

export const ITEM_FLOW = {
  id: 'item-flow',
  nodes: [
    {
      id: 'one',
      uses: 'inItem',
      params: { write: 'said', tries: { key: 'tries_item', of: 3 } },
      config: { maxRetries: 3, retryDelay: 2 },
    },
    { id: 'two', uses: 'inItem', params: { read: 'said' } },
    { id: 'three', uses: 'inItem', inputs: 'two' },
  ],
  edges: [
    { source: 'one', target: 'two' },
    { source: 'two', target: 'three' },
  ],
}

/** The nodes of that subflow. Each item's has a context of its own. */
async function inItem(node) {
  const { input, params, context } = node
  const total = totalBy(node.dependencies)
  const attempt = await beginAttempt(node)
  if (input?.fails === true || attempt <= input?.fails) throw new Error('a bad item')
  await endAttempts(node)
  if (params.write) await context.set(params.write, total(input) + attempt)
  const read = params.read ? await context.get(params.read) : 0
  return { output: input?.none ? { v: read } : { v: total(input) % 997, read } }
}

export const registry = { work, Work, item, inItem, ItemFlow, SubflowNode }
