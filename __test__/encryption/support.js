// Keys, a flow with a value of every kind, and all that the servers hold.
import { randomBytes } from 'node:crypto'
import { createAesCodec } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import Redis from 'ioredis'
import { declared } from '../fixtures/flows.js'
import { until, urls } from '../fixtures/shared-servers.js'
import { ON_MEMORY } from '../fixtures/which-servers.js'

/** Stands in every value, and in no name. */
export const SECRET = '4000-PLAINTEXT-0002'
export const secret = (what) => ({ what, number: SECRET })

export const KEYS = { k1: randomBytes(32), k2: randomBytes(32).toString('base64') }
export const codecOf = (current = 'k1', { keys = KEYS, ...more } = {}) =>
  createAesCodec({ keys, ...(current && { current }), ...more })

const innermost = createFlow('innermost').node('deep', async ({ context }) => ({
  output: { deep: await context.get('given'), number: SECRET },
}))

/** A subflow that waits inside, sets keys, and has another one inside. */
const inner = declared(
  {
    id: 'inner',
    nodes: [
      { id: 'read', uses: 'inner.read' },
      { id: 'ask', uses: 'wait' },
      { id: 'nested', uses: 'subflow', params: { blueprintId: 'innermost', inputs: { given: 'kept' } } },
      { id: 'sum', uses: 'inner.sum' },
    ],
    edges: [
      { source: 'read', target: 'ask' },
      { source: 'ask', target: 'nested' },
      { source: 'nested', target: 'sum' },
    ],
  },
  {
    'inner.read': async ({ context }) => {
      await context.set('kept', await context.get('card'))
      return { output: secret('read') }
    },
    'inner.sum': async ({ input, context }) => ({
      output: { nested: input, asked: await context.get('ask'), number: SECRET },
    }),
  },
)

/** Two terminal nodes: its container's output is an object of both. */
const pair = createFlow('pair')
  .node('one', async () => ({ output: secret('one') }))
  .node('two', async () => ({ output: null }))

const functions = {
  first: async ({ context }) => {
    await context.set('list', [secret('item 1'), secret('item 2')])
    return { output: secret('first') }
  },
  writes: async ({ context }) => {
    await context.set('live', secret('live'))
    // Another node of the run reads it before this one answers.
    await until(async () => (await context.get('heard')) !== undefined)
    return { output: secret('writes') }
  },
  watches: async ({ context }) => {
    await until(async () => (await context.get('live'))?.number === SECRET)
    await context.set('heard', SECRET)
    return { output: secret('watches') }
  },
  joined: async ({ input }) => ({ output: { joined: input, number: SECRET } }),
  item: async ({ input }) => ({ output: { ...input, done: true } }),
  gathered: async ({ context }) => ({ output: await context.get('gatheredItems') }),
  last: async ({ context, input }) => ({
    output: {
      input,
      card: await context.get('card'),
      approval: await context.get('approve'),
      event: await context.get('hear'),
      hook: (await context.get('hook')).request.body,
      total: await context.get('total'),
      never: (await context.has('never')) || null,
      pair: await context.get('pair'),
      items: await context.get('gathered'),
      number: SECRET,
    },
  }),
}

const nodes = [
  { id: 'first', uses: 'first' },
  { id: 'writes', uses: 'writes' },
  { id: 'watches', uses: 'watches' },
  { id: 'joined', uses: 'joined' },
  { id: 'wrong', uses: 'joined' },
  {
    id: 'scatter',
    uses: 'batch-scatter',
    inputs: 'list',
    params: { workerUsesKey: 'item', gatherNodeId: 'gather', outputKey: 'gatheredItems' },
  },
  {
    id: 'gather',
    uses: 'batch-gather',
    params: { outputKey: 'gatheredItems', gatherNodeId: 'gather' },
    config: { joinStrategy: 'all' },
  },
  { id: 'gathered', uses: 'gathered' },
  {
    id: 'pay',
    uses: 'subflow',
    params: { blueprintId: 'inner', inputs: { card: 'card' }, outputs: { total: 'sum', never: 'absent' } },
  },
  { id: 'pair', uses: 'subflow', params: { blueprintId: 'pair' } },
  { id: 'approve', uses: 'wait' },
  { id: 'hear', uses: 'wait', params: { eventName: 'charged' } },
  { id: 'hook', uses: 'webhook' },
  { id: 'last', uses: 'last' },
]
const chain = ['joined', 'scatter', 'gather', 'gathered', 'pay', 'pair', 'approve', 'hear', 'hook', 'last']
const edges = [
  { source: 'first', target: 'writes' },
  { source: 'first', target: 'watches' },
  { source: 'writes', target: 'joined', transform: '({ moved: input.number })' },
  { source: 'watches', target: 'joined', transform: '({ moved: input.number })' },
  { source: 'joined', target: 'wrong', condition: 'card.number.length < 3' },
  ...chain.slice(1).map((target, index) => ({ source: chain[index], target })),
]

/** Every kind of value: given at the start, returned, set, moved by edges, in batches, subflows, waits, events, webhooks. */
export const everything = [declared({ id: 'everything', nodes, edges }, functions), inner, innermost, pair]

/** All that the servers hold of a corner, as text. */
export async function heldBy(servers) {
  const runs = ON_MEMORY ? await allRuns(servers) : [...(await allRows(servers)), ...(await allKeys())]
  return runs.join('\n')
}

async function allRuns(servers) {
  const seen = await servers.lookAtMany(servers.known ?? [])
  return seen.map((run) => JSON.stringify(run))
}

/** Every row of every table of the schema: contexts, journal, statuses, schedules. */
async function allRows({ pg, name }) {
  const { rows: tables } = await pg.query(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = $1`,
    [name],
  )
  const all = []
  for (const table of tables) {
    const { rows } = await pg.query(`SELECT to_jsonb(t)::text AS row FROM ${name}.${table.name} t`)
    all.push(...rows.map(({ row }) => row))
  }
  return all
}

/** Every key of Redis, and what is in it. */
async function allKeys() {
  const redis = new Redis(urls.redis)
  try {
    const keys = await redis.keys('*')
    return await Promise.all(
      keys.map(async (key) => `${key} ${await redis.dump(key).then((bytes) => bytes?.toString('latin1') ?? '')}`),
    )
  } finally {
    redis.disconnect()
  }
}
