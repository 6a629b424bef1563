// A graph drawn as a tree.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { layOut } from '../../dist/cli/tree.js'

/** `a>b b>c`: the nodes in the order they are named, and the edges. */
function graph(text) {
  const edges = text
    .split(' ')
    .filter((word) => word.includes('>'))
    .map((word) => word.split('>'))
  const ids = new Set(text.split(/[ >]/).filter(Boolean))
  return { nodes: [...ids].map((id) => ({ id })), edges: edges.map(([source, target]) => ({ source, target })) }
}
const drawn = (text) => layOut(graph(text)).map(({ id, branch }) => branch + id)

describe('a tree', () => {
  for (const [text, expected] of [
    ['', []],
    ['a', ['a']],
    ['a>b b>c', ['a', '└─ b', '   └─ c']],
    ['a>b a>c b>d c>d d>e', ['a', '├─ b', '├─ c', '└─ d', '   └─ e']],
    ['a>c b>c', ['a', 'b', 'c']],
    ['a>b b>c c>b c>d', ['a', '└─ b', '   └─ c', '      └─ d']],
    ['a>b b>a', ['a', '└─ b']],
    ['a>a a>b', ['a', '└─ b']],
    ['a>b c>d d>c', ['a', '└─ b', 'c', '└─ d']],
    ['a>b a>b', ['a', '└─ b']],
  ]) {
    it(`of ${text || 'nothing'}`, () => assert.deepEqual(drawn(text), expected))
  }

  it('says what a join joins', () => {
    assert.deepEqual(layOut(graph('a>b a>c b>d c>d')).at(-1), { id: 'd', branch: '└─ ', joins: ['b', 'c'] })
  })

  it('has every node once, of any graph', () => {
    let seed = 7
    const chance = (below) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
      return seed % below
    }
    for (let round = 0; round < 300; round++) {
      const nodes = Array.from({ length: 1 + chance(9) }, (_, at) => ({ id: `n${at}` }))
      const any = () => nodes[chance(nodes.length)].id
      const edges = Array.from({ length: chance(16) }, () => ({ source: any(), target: any() }))
      const ids = layOut({ nodes, edges }).map(({ id }) => id)
      assert.deepEqual([...ids].sort(), nodes.map(({ id }) => id).sort())
    }
  })

  it('of 2,000 nodes takes no second', () => {
    const nodes = Array.from({ length: 2_000 }, (_, at) => ({ id: `n${at}` }))
    const edges = nodes.slice(1).flatMap(({ id }, at) => [
      { source: `n${at}`, target: id },
      { source: `n${Math.floor(at / 2)}`, target: id },
    ])
    const begin = performance.now()
    assert.equal(layOut({ nodes, edges }).length, 2_000)
    assert.ok(performance.now() - begin < 1_000)
  })
})
