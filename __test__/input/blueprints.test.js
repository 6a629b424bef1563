// Blueprints that cannot be run as they were meant fail their runs, saying what is wrong with them; those that only look
// odd run as in memory.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openBadInput } from '../fixtures/bad-input.js'
import { declared } from '../fixtures/flows.js'
import { comparable, inMemory } from '../fixtures/shared-servers.js'

const functions = {
  pass: async () => ({ output: 'passed' }),
  count: async ({ context }) => {
    const count = ((await context.get('count')) ?? 0) + 1
    await context.set('count', count)
    return { output: count, action: count < 3 ? 'again' : 'on' }
  },
}
const node = (id, more) => ({ id, uses: 'pass', ...more })
const edge = (source, target, more) => ({ source, target, ...more })
const a = node('a')
const b = node('b')

/** What is wrong, and what the run says of it. */
const UNSOUND = {
  'two nodes of one id': [{ nodes: [a, b, node('a')], edges: [edge('a', 'b')] }, /several nodes with the id 'a'/],
  'an edge to nowhere': [{ nodes: [a], edges: [edge('a', 'ghost')] }, /edge from 'a' to 'ghost'.*no node 'ghost'/],
  'an edge from nowhere': [{ nodes: [a, b], edges: [edge('ghost', 'b')] }, /edge from 'ghost' to 'b'.*no node 'ghost'/],
  'an edge without a target': [{ nodes: [a], edges: [edge('a')] }, /edge from 'a'/],
  'no nodes': [{ nodes: [], edges: [] }, /no start node/],
  'no nodes at all': [{}, /no start node/],
  'no start node but a fallback': [{ nodes: [node('a', { config: { fallback: 'a' } })], edges: [] }, /no start node/],
  'a node without an id': [{ nodes: [a, { uses: 'pass' }], edges: [] }, /a node without an id/],
  'a node with an empty id': [{ nodes: [a, node('')], edges: [edge('a', '')] }, /a node without an id/],
  'a node whose id is a number': [{ nodes: [a, node(7)], edges: [] }, /a node without an id/],
  'a node whose id cannot be stored': [{ nodes: [a, node('a\0b')], edges: [] }, /U\+0000/],
  'a node that is null': [{ nodes: [a, null], edges: [] }, /is malformed/],
  'an edge that is null': [{ nodes: [a], edges: [null] }, /is malformed/],
  'a loop with nothing in it': [{ nodes: [a, { id: 'l', uses: 'loop-controller' }], edges: [edge('a', 'l')] }, /'l'/],
  'a function where data belongs': [
    { nodes: [node('a', { params: { f: () => 1 } })], edges: [] },
    /could not be cloned/,
  ],
}
/** The blueprint itself is no blueprint. */
const NOTHING = { null: null, 'a text': 'a', 'a number': 7, 'an array': [] }

/** What only looks odd. */
const ODD = {
  'a cycle without a way in': {
    nodes: [node('a', { uses: 'count' }), b, node('end')],
    edges: [edge('a', 'b', { action: 'again' }), edge('b', 'a'), edge('a', 'end', { action: 'on' })],
  },
  'an edge twice': { nodes: [a, b], edges: [edge('a', 'b'), edge('a', 'b')] },
  'two parts that have nothing to do with each other': { nodes: [a, b], edges: [] },
  'a fallback that is nowhere': { nodes: [node('a', { config: { fallback: 'ghost' } }), b], edges: [edge('a', 'b')] },
  'nodes and edges as objects': { nodes: { x: a, y: b }, edges: { z: edge('a', 'b') } },
}

const id = (title) => title.replaceAll(' ', '-')
const flowOf = (title, blueprint) => declared({ id: id(title), ...blueprint }, functions)

let badInput
let servers
before(async () => {
  const flows = Object.entries({ ...UNSOUND, ...ODD }).map(([title, entry]) => flowOf(title, [entry].flat()[0]))
  flows.push(wide(), selfish())
  const nothings = Object.entries(NOTHING).map(([title, value]) => [id(title), value])
  badInput = await openBadInput(flows, { runtime: { registry: functions } })
  servers = badInput.servers
  Object.assign(badInput.adapter.runtime.options.blueprints, Object.fromEntries(nothings))
})
after(() => badInput.close())

/** Starts a run as whoever meant node `a` to be its start would. */
async function run(title, nodeId = 'a') {
  const runId = servers.runId()
  await servers.insert(runId, '{}')
  await servers.insertStatus(runId)
  await servers.send({ runId, blueprintId: id(title), nodeId })
  return servers.settled(runId)
}

describe('a blueprint that cannot be run fails its runs', () => {
  for (const [title, [, cause]] of Object.entries(UNSOUND)) {
    it(`with ${title}`, () =>
      badInput.amongHealthyRuns(async () => {
        const { status, result, context } = await run(title)
        assert.equal(status, 'failed')
        assert.match(result.reason, cause)
        assert.ok(result.reason.includes(`'${id(title)}'`), result.reason)
        assert.equal('_outputs.a' in context, false)
      }))
  }
  for (const title of Object.keys(NOTHING)) {
    it(`that is ${title}`, () =>
      badInput.amongHealthyRuns(async () => {
        const { status, result } = await run(title)
        assert.equal(status, 'failed')
        assert.ok(result.reason.includes(`Blueprint '${id(title)}' is not an object`), result.reason)
      }))
  }

  it('until it is mended, without a restart', async () => {
    const title = 'an edge to nowhere'
    assert.equal((await run(title)).status, 'failed')
    const { blueprints } = badInput.adapter.runtime.options
    blueprints[id(title)] = { ...blueprints[id(title)], nodes: [a, node('ghost')] }
    const { status, context } = await run(title)
    assert.deepEqual([status, context['_outputs.ghost']], ['completed', 'passed'])
  })
})

describe('a node that cannot be run fails its run', () => {
  it('whose implementation nobody registered', () =>
    badInput.amongHealthyRuns(async () => {
      const flow = declared({ id: 'unregistered', nodes: [node('a', { uses: 'nothing' })], edges: [] })
      badInput.adapter.runtime.options.blueprints.unregistered = flow.toBlueprint()
      const { status, result } = await servers.run(flow)
      assert.equal(status, 'failed')
      assert.match(result.reason, /'a'.*nothing|nothing.*'a'/)
    }))
})

describe('a blueprint that looks odd runs as in memory', () => {
  for (const [title, blueprint] of Object.entries(ODD)) {
    it(`with ${title}`, () =>
      badInput.amongHealthyRuns(async () => {
        const flow = flowOf(title, { metadata: {}, ...blueprint })
        const memory = await inMemory(flow)
        const starts = title.startsWith('two parts') ? ['a', 'b'] : ['a']
        const ended = await servers.settled(await servers.begin({ toBlueprint: () => sorted(flow) }, {}, { starts }))
        assert.equal(ended.status, memory.status)
        const nodes = Object.values(blueprint.nodes).map((each) => each.id)
        assert.deepEqual(comparable(ended.result.payload.context, nodes), comparable(memory.context, nodes))
      }))
  }

  it('with an edge from a node to itself', () =>
    badInput.amongHealthyRuns(async () => {
      const { status, context } = await run('selfish', 'start')
      assert.deepEqual([status, context.count, context['_outputs.end']], ['completed', 3, 'passed'])
    }))

  it('with 2,000 nodes, of which most are not reached', () =>
    badInput.amongHealthyRuns(async () => {
      const { status, context } = await run('wide', 'choose')
      assert.equal(status, 'completed')
      const reached = Object.keys(context).filter((key) => key.startsWith('_outputs.'))
      assert.deepEqual(reached.sort(), ['_outputs.choose', '_outputs.end', '_outputs.n1000'])
    }))
})

/** A flow's blueprint with its nodes and edges as arrays, as a client reads them. */
function sorted(flow) {
  const blueprint = flow.toBlueprint()
  return { ...blueprint, nodes: Object.values(blueprint.nodes), edges: Object.values(blueprint.edges) }
}

/** Goes round by itself, and on. */
function selfish() {
  const nodes = [node('start'), node('self', { uses: 'count', config: { joinStrategy: 'any' } }), node('end')]
  const edges = [
    edge('start', 'self'),
    edge('self', 'self', { action: 'again' }),
    edge('self', 'end', { action: 'on' }),
  ]
  return declared({ id: 'selfish', nodes, edges }, functions)
}

/** One node that chooses among 1,998, and one that follows them all. */
function wide() {
  const middle = Array.from({ length: 1998 }, (_, index) => `n${index}`)
  return declared(
    {
      id: 'wide',
      nodes: [
        node('choose', { uses: 'choose' }),
        ...middle.map((each) => node(each)),
        node('end', { config: { joinStrategy: 'any' } }),
      ],
      edges: middle.flatMap((each) => [edge('choose', each, { action: each }), edge(each, 'end')]),
    },
    { ...functions, choose: async () => ({ output: 'chosen', action: 'n1000' }) },
  )
}
