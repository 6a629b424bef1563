// What the nodes of a generated blueprint do. All of it is data in `params`, so that a blueprint is plain JSON:
//   base, shape      what the output is made of; 'nothing' returns no result at all
//   action           the action it returns, or a list of them: by turns, counted by the key in `count`
//   read             context keys that go into the output
//   write, count     context keys it sets, and counts up
//   until            a context key that it waits for, and that goes into the output
//   fails            true: always; a number: so many attempts; { key, is }: when this context key has this value
//   fatal            its failures are fatal
//   rescue           (class) its own `fallback` method answers in its place
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseNode, FlowcraftError } from 'flowcraft'

/** How long a node waits for a key, in milliseconds. */
const LONGEST_WAIT = 10_000

const attempts = new WeakMap()

async function work(node) {
  const { params, context, input } = node
  const { base = 1, shape = 'number' } = params
  const attempt = (attempts.get(node) ?? 0) + 1
  attempts.set(node, attempt)

  let count = 0
  if (params.count) {
    // Once an execution, not once an attempt.
    count = ((await context.get(params.count)) ?? 0) + (attempt === 1 ? 1 : 0)
    await context.set(params.count, count)
  }
  const read = []
  for (const key of params.read ?? []) read.push((await context.get(key)) ?? 'none')
  if (params.until) read.push(await appearing(context, params.until))
  const v = (base + count * 7 + total(input) + total(read)) % 997
  if (params.write) await context.set(params.write, v)

  const { fails } = params
  if (fails === true || attempt <= fails || (fails?.key && (await context.get(fails.key)) === fails.is)) {
    throw params.fatal ? new FlowcraftError('on purpose, fatally', { isFatal: true }) : new Error('on purpose')
  }
  if (shape === 'nothing') return undefined
  const action = Array.isArray(params.action) ? params.action[count % params.action.length] : params.action
  return { output: shapes[shape]({ v, input, read, base }), ...(action && { action }) }
}

const shapes = {
  number: ({ v }) => v,
  object: ({ v, read }) => ({ v, text: `v${v}`, list: [v, v + 1], read }),
  echo: ({ v, input, base }) => ({
    v,
    got: isLong(input) ? total(input) : (input ?? null),
    base,
  }),
  list: ({ v }) => Array.from({ length: v % 4 }, (_, index) => ({ v: v + index })),
  null: () => null,
  none: () => undefined,
  sometimes: ({ v }) => (v % 2 ? v : undefined),
}

/** The value of a key that another node sets, once it is there. */
async function appearing(context, key) {
  for (const deadline = Date.now() + LONGEST_WAIT; Date.now() < deadline; await sleep(1 + Math.random() * 5)) {
    const value = await context.get(key)
    if (value !== undefined) return value
  }
  return 'never'
}

/** Run ids are not of the same length everywhere. */
function isLong(value) {
  return JSON.stringify(value, (key, each) => (key === '_executionId' ? undefined : each))?.length > 300
}

/** One number for any JSON: what a node was given shows in what it returns. */
function total(value) {
  return value === undefined ? 0 : totalOf(JSON.parse(JSON.stringify(value)))
}

function totalOf(json) {
  if (typeof json === 'number') return json
  if (typeof json === 'string') return json.length
  if (typeof json === 'boolean') return json ? 3 : 5
  if (json === null) return 11
  // Not by the order of the keys: PostgreSQL's JSONB has its own.
  const keys = Object.keys(json).filter((key) => key !== '_executionId')
  return keys.sort().reduce((sum, key, index) => sum + (index + 1) * totalOf(json[key]), 13)
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
async function item({ input, context }) {
  if (input.fails) throw new Error('a bad item')
  if (input.write) await context.set(input.write, input.v)
  return { output: input.none ? undefined : { v: input.v * 2 } }
}

export const registry = { work, Work, item }
