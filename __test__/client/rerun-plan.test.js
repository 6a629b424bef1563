// From which nodes a run can be run again, by its graph and by how its nodes stand. `a -yes-> b` is an edge with an action,
// `a -?-> b` one with a condition, and `a: done yes` a node that decided an action.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonObject } from '../../dist/bridge/json.js'
import { carriedKeys, keysOf } from '../../dist/client/rerun-context.js'
import { RerunGraph } from '../../dist/client/rerun-graph.js'
import { planRerun } from '../../dist/client/rerun-plan.js'

/** A graph of edges; `nodes` says more of some. */
function graphOf(drawn, nodes = {}) {
  const edges = drawn.split(', ').map((text) => {
    const [, source, label, target] = /^(\S+) -(?:(\S+)-)?> (\S+)$/.exec(text)
    const condition = label === '?' ? 'maybe' : undefined
    const action = label === '?' ? undefined : label
    return { source, target, ...(condition && { condition }), ...(action && { action }) }
  })
  const ids = new Set([...edges.flatMap(({ source, target }) => [source, target]), ...Object.keys(nodes)])
  const all = [...ids].map((id) => ({ id, uses: 'f', ...nodes[id] }))
  const fallbacks = new Set(all.map(({ config }) => config?.fallback))
  const starts = [...ids].filter((id) => !fallbacks.has(id) && !edges.some(({ target }) => target === id))
  return new RerunGraph({ id: 'g', nodes: all, edges }, starts)
}

const standing = (states) =>
  Object.entries(states).map(([nodeId, words]) => {
    const [state, action] = words.split(' ')
    const replaced = action === 'replaced' ? { replaced: true } : action && { action }
    return { nodeId, state, execution: 1, attempt: 1, ...replaced }
  })

const any = { config: { joinStrategy: 'any' } }
const done = (...ids) => Object.fromEntries(ids.map((id) => [id, 'done']))

const PLANS = [
  ['a -> b, b -> c', done('a', 'b', 'c'), 'b', ['a'], ['b', 'c']],
  ['a -> b, b -> c', done('a', 'b', 'c'), 'a', [], ['a', 'b', 'c']],
  ['a -> b, b -> c', { a: 'done', b: 'failed' }, 'b', ['a'], ['b', 'c']],
  // A sibling that had not ended runs again, and the join waits for it.
  ['a -> l, a -> r, l -> j, r -> j', { ...done('a', 'l'), r: 'due' }, 'l', ['a'], ['j', 'l', 'r']],
  ['a -> l, a -> r, l -> j, r -> j', { ...done('a', 'l', 'j'), r: 'failed' }, 'j', ['a', 'l'], ['j', 'r']],
  ['a -> l, b -> r', { ...done('a', 'l'), b: 'awaiting' }, 'l', ['a'], ['b', 'l', 'r']],
  // Behind a branch that is done.
  ['a -yes-> b, a -no-> x, b -> c', { a: 'done yes', ...done('b', 'c') }, 'c', ['a', 'b'], ['c']],
  ['a -?-> b, a -?-> x, b -> c', done('a', 'b', 'c'), 'c', ['a', 'b'], ['c']],
  ['a -yes-> b, a -> x, x -> y', { a: 'done no', ...done('x', 'y') }, 'x', ['a'], ['x', 'y']],
  // A loop, from its beginning.
  [
    'a -> l, l -on-> s, s -> l, l -off-> z',
    { ...done('a', 'z'), l: 'done off', s: 'idle' },
    'l',
    ['a'],
    ['l', 's', 'z'],
  ],
  ['a -> p, p -> z', { ...done('a', 'f', 'z'), p: 'done replaced' }, 'z', ['a', 'p', 'f'], ['z']],
  ['s -> g, g -> z', done('s', 'g', 'z', 'w_1'), 'z', ['s', 'g'], ['z']],
  ['s -> g, g -> z', { s: 'done', g: 'idle', w_1: 'due' }, 's', [], ['g', 's', 'z']],
  // Right behind an edge with an action, or a condition, that the first run took.
  ['a -yes-> b', { a: 'done yes', b: 'done' }, 'b', ['a'], ['b'], { a: ['b'] }],
  ['a -yes-> b, a -no-> x, b -> c', { a: 'done yes', ...done('b', 'c') }, 'b', ['a'], ['b', 'c'], { a: ['b'] }],
  ['a -?-> b, a -?-> x', done('a', 'b'), 'b', ['a'], ['b'], { a: ['b'] }],
  ['a -yes-> j, b -> j', { a: 'done yes', ...done('b', 'j') }, 'j', ['a', 'b'], ['j'], { a: ['j'] }],
  // The edge that the first run did not take beside it.
  ['a -yes-> b, a -> x, b -> c', { a: 'done yes', ...done('b', 'c') }, 'c', ['a', 'b'], ['c'], { a: [] }],
  // A sibling that has not ended, and that a decision led to.
  ['a -> l, a -?-> r', { ...done('a', 'l'), r: 'due' }, 'l', ['a'], ['l', 'r'], { a: ['l', 'r'] }],
  // A blueprint that was given another node.
  ['a -> new, new -> b', done('a', 'b'), 'b', ['a'], ['b', 'new']],
]

const REFUSALS = [
  ['a -> b', done('a'), 'b', /has not run/],
  ['a -> b', { a: 'done', b: 'idle' }, 'x', /has not run/],
  ['a -?-> b, x -> b', done('a', 'x', 'b'), 'b', /which way 'a' went/],
  ['a -> p, p -> z', { ...done('a', 'f'), p: 'done replaced' }, 'f', /takes the place of 'p'/],
  [
    'a -> p, p -> z, a -> t',
    { ...done('a', 't'), p: 'done replaced', f: 'due' },
    't',
    /'f', which took the place of 'p'/,
  ],
  // A decision that the node leads back to.
  ['a -> l, l -on-> s, s -> l, a -> t', { ...done('a', 't'), l: 'done on', s: 'due' }, 't', /to 's'/],
  // The middle of a loop.
  [
    'a -> l, l -on-> s, s -> e, e -> l',
    { a: 'done', l: 'done off', s: 'idle', e: 'idle' },
    'e',
    /stands in a loop: 's' leads/,
  ],
  // Behind a cycle that has ended: the edge that leads back would start the cycle again.
  [
    'a -> l, l -again-> c, c -> l, l -ok-> d, d -> e',
    { ...done('a', 'c', 'd', 'e'), l: 'done ok' },
    'e',
    /'c' leads back to 'l'/,
  ],
  ['s -> g, g -> z', done('s', 'g', 'z'), 'g', /batch that 's' began/],
  ['a -> b, b -> c', { ...done('a', 'b', 'c'), extra: 'due' }, 'b', /'extra', which was added/],
  // How deep the branches of a join were, the new run does not know.
  [
    'a -> t, t -yes-> j, a -> d, d -> j',
    { a: 'done', t: 'done yes', ...done('d', 'j') },
    't',
    /'j', which joins 'd' and what 't' decides/,
  ],
  [
    'a -> t, t -> j, t -yes-> k, a -> d, d -> j, k -> j',
    { a: 'done', t: 'done yes', ...done('d', 'k', 'j') },
    't',
    /'j', which joins 'd' and what 't' decides/,
  ],
  // An arrival that was skipped.
  ['a -yes-> j, a -> t, t -> j', { a: 'done no', ...done('t', 'j') }, 't', /which way 'a' went, to 'j'/],
]

/** What the rows above have nodes of: loops join any, and `s` begins a batch where it is gathered by `g`. */
function nodesOf(drawn) {
  if (/-> g/.test(drawn))
    return { s: { uses: 'batch-scatter', params: { gatherNodeId: 'g', workerUsesKey: 'w' } }, g: {} }
  if (/-> l,/.test(drawn)) return { l: any }
  return /-> p,/.test(drawn) ? { p: { config: { fallback: 'f' } }, f: {} } : {}
}

describe('the plan', () => {
  for (const [drawn, states, from, kept, again, decided] of PLANS) {
    it(`from ${from} of ${drawn} (${JSON.stringify(states)})`, () => {
      const plan = planRerun(graphOf(drawn, nodesOf(drawn)), standing(states), from)
      assert.equal(plan.why, undefined)
      assert.deepEqual([[...plan.kept].sort(), [...plan.again].sort()], [[...kept].sort(), again])
      if (decided) assert.deepEqual(Object.fromEntries(plan.decided), decided)
    })
  }

  for (const [drawn, states, from, why] of REFUSALS) {
    it(`is refused from ${from} of ${drawn} (${JSON.stringify(states)})`, () => {
      assert.match(planRerun(graphOf(drawn, nodesOf(drawn)), standing(states), from).why, why)
    })
  }

  it('of a graph of thousands of nodes is made at once', () => {
    const edges = Array.from({ length: 5_000 }, (_, index) => `n${index} -> n${index + 1}`).join(', ')
    const ids = Array.from({ length: 5_001 }, (_, index) => `n${index}`)
    const plan = planRerun(graphOf(edges), standing(done(...ids)), 'n2500')
    assert.deepEqual([plan.kept.size, plan.again.size], [2_500, 2_501])
  })
})

describe('the context of the new run', () => {
  const carried = (drawn, states, from, json) => {
    const graph = graphOf(drawn, nodesOf(drawn))
    const plan = planRerun(graph, standing(states), from)
    return JSON.parse(jsonObject(carriedKeys(graph, plan, keysOf(JSON.stringify(json)))))
  }

  it('has the outputs of what is done, and the inputs that it brought', () => {
    const json = { x: 1, '_outputs.a': 'A', '_outputs.b': 'B', '_outputs.c': 'C', '_inputs.b': 'A', '_inputs.c': 'B' }
    const found = carried('a -> b, b -> c', done('a', 'b', 'c'), 'b', json)
    assert.deepEqual(found, { x: 1, '_outputs.a': 'A', '_inputs.b': 'A' })
  })

  it('has nothing of what the engine keeps', () => {
    const engines = [
      '_flowcraft',
      '_awaitingNodeIds',
      '_awaitingDetails',
      '_resume.action',
      '_subflowState.b',
      '_rerunOf',
    ]
    const json = { _mine: 1, ...Object.fromEntries(engines.map((key) => [key, 1])) }
    assert.deepEqual(carried('a -> b', done('a', 'b'), 'b', json), { _mine: 1, '_outputs.a': null })
  })

  it('has what a loop left by the ids of its nodes', () => {
    const drawn = 'a -> l, l -on-> s, s -> l, l -off-> y, y -> z'
    const states = { ...done('a', 'y', 'z'), l: 'done off', s: 'idle' }
    const json = { '_outputs.a': 1, '_outputs.l': null, '_outputs.s': 3, '_outputs.y': 4, '_inputs.z': 4 }
    assert.deepEqual(carried(drawn, states, 'z', json), {
      '_outputs.a': 1,
      '_outputs.l': null,
      '_outputs.y': 4,
      s: 3,
      '_inputs.z': 4,
    })
  })

  it('has nothing of a batch that runs again', () => {
    const json = {
      doubled: [1],
      s_currentIndex: 2,
      g_hasMore: false,
      g_allWorkerIds: ['w_1'],
      '_batch.s_1_item_0': 1,
      '_outputs.w_1': 2,
      '_outputs.s': 3,
    }
    assert.deepEqual(carried('s -> g, g -> z', done('s', 'g', 'z'), 's', json), { doubled: [1] })
    const kept = carried('s -> g, g -> z', done('s', 'g', 'z'), 'z', json)
    assert.deepEqual([kept.g_allWorkerIds, kept['_outputs.w_1']], [['w_1'], 2])
  })

  it('keeps each value as the text that it is', () => {
    const graph = graphOf('a -> b')
    const plan = planRerun(graph, standing(done('a', 'b')), 'b')
    const text = '{"big":12345678901234567890.5,"_outputs.a":{"x":[1e400,"\\u0001"]}}'
    assert.equal(jsonObject(carriedKeys(graph, plan, keysOf(text))), text)
  })
})
