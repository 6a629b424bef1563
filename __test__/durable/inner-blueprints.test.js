// A blueprint that a node runs as a subflow, which only some workers have: as in a rolling deployment. The job goes to a
// worker that has it, before anything of it runs; where nobody has it, the run fails after `blueprintTimeout`, and says which.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { sharedServersFor, until } from '../fixtures/shared-servers.js'

/** A blueprint of nodes in a row, from their ids; `inside:x` runs the blueprint x. */
function row(id, ...ids) {
  const nodes = ids.map((node) => {
    const [, blueprintId] = node.split('inside:')
    if (blueprintId) return { id: node, uses: 'subflow', params: { blueprintId } }
    return { id: node, uses: node === 'wait' ? 'wait' : 'count' }
  })
  const edges = ids.slice(1).map((target, index) => ({ source: ids[index], target }))
  return { id, metadata: {}, nodes, edges }
}

/** Workers of these blueprints, or of some of them; `executed` counts each node's executions. */
async function scene(t, blueprints) {
  const servers = await sharedServersFor(t)
  await servers.freshQueue()
  const executed = {}
  const counted = (node) => async () => {
    executed[node] = (executed[node] ?? 0) + 1
    return { output: node }
  }
  const flows = Object.values(blueprints).map((blueprint) => {
    const nodes = blueprint.nodes.map((node) => (node.uses === 'count' ? { ...node, uses: `count:${node.id}` } : node))
    const functions = nodes.filter(({ uses }) => uses.startsWith('count:')).map(({ id, uses }) => [uses, counted(id)])
    return declared({ ...blueprint, nodes }, Object.fromEntries(functions))
  })
  const worker = (lacking, options) => {
    const had = flows.filter((flow) => !lacking.includes(flow.toBlueprint().id))
    return servers.adapter(had, { blueprintTimeout: 60_000, repairInterval: 1000, ...options })
  }
  const begin = () => servers.begin(flows[0])
  return { servers, executed, worker, begin }
}

const OUTER = row('outer', 'a', 'inside:inner', 'z')
const INNER = row('inner', 'b', 'inside:innermost')
const INNERMOST = row('innermost', 'c')
const ALL = [OUTER, INNER, INNERMOST]

describe('an inner blueprint that only some workers have', () => {
  for (const lacking of ['inner', 'innermost']) {
    it(`is run by those: ${lacking}`, async (t) => {
      const { servers, executed, worker, begin } = await scene(t, ALL)
      worker([lacking])
      const runs = await Promise.all(Array.from({ length: 6 }, begin))
      await until(() => executed.a === runs.length, { what: 'every run to come to its subflow' })
      const begun = Date.now()
      worker([])
      for (const run of runs) assert.equal((await servers.settled(run)).status, 'completed')
      t.diagnostic(`${runs.length} runs ended ${Date.now() - begun} ms after a worker that has it came`)
      assert.deepEqual(executed, { a: 6, b: 6, c: 6, z: 6 })
    })
  }

  it('is waited for when a node goes on that paused inside it', async (t) => {
    const inner = row('inner', 'b', 'wait', 'inside:innermost')
    const { servers, executed, worker, begin } = await scene(t, [OUTER, inner, INNERMOST])
    const first = worker([])
    const [run, other] = [await begin(), await begin()]
    for (const each of [run, other]) await servers.settled(each, ['awaiting'])
    await first.stop()
    const lacks = worker(['inner'])
    worker(['innermost'])
    for (const each of [run, other]) await lacks.resumeWithAction(each)
    await until(async () => (await servers.statusOf(run)) === 'running')
    worker([])
    for (const each of [run, other]) assert.equal((await servers.settled(each)).status, 'completed')
    assert.deepEqual(executed, { a: 2, b: 2, c: 2, z: 2 })
  })
})

describe('an inner blueprint that no worker has', () => {
  for (const lacking of ['inner', 'innermost']) {
    it(`fails the run, which says so: ${lacking}`, async (t) => {
      const { servers, executed, worker, begin } = await scene(t, ALL)
      const adapter = worker([lacking], { blueprintTimeout: 700 })
      worker([lacking], { blueprintTimeout: 700 })
      const begun = Date.now()
      const { status, result } = await servers.settled(await begin())
      assert.equal(status, 'failed')
      const reason = new RegExp(
        `Blueprint '${lacking}', which node 'inside:inner' of blueprint 'outer' runs, is not in`,
      )
      assert.match(result.reason, reason)
      assert.ok(Date.now() - begun >= 700, `${Date.now() - begun} ms`)
      const letters = await adapter.listDeadLetters()
      assert.deepEqual([letters.length, executed], [1, { a: 1 }])
      assert.match(letters[0].reason, reason)
    })
  }

  it('is not missed in a branch that is not taken', async (t) => {
    const branching = createFlow('inner')
      .node('b', async () => ({ output: 1, action: 'short' }))
      .edge('b', 'end', { action: 'short' })
      .edge('b', 'long', { action: 'long' })
    branching.node('end', async () => ({ output: 2 })).node('long', async () => ({ output: 3 }))
    const { edges, nodes } = branching.toBlueprint()
    const long = { id: 'long', uses: 'subflow', params: { blueprintId: 'nowhere' } }
    const inner = declared(
      { id: 'inner', metadata: {}, edges, nodes: nodes.map((node) => (node.id === 'long' ? long : node)) },
      Object.fromEntries(branching.getFunctionRegistry()),
    )
    const servers = await sharedServersFor(t)
    const outer = declared(row('outer', 'inside:inner'))
    await servers.workerFor(t, [outer, inner], { blueprintTimeout: 700 })
    assert.equal((await servers.run(outer)).status, 'completed')
  })
})
