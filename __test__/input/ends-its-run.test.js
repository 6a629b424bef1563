// A run that waits for a message which cannot be processed does not wait for ever: it fails, and says why. A run that waits
// for something else notices nothing.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { until } from '../fixtures/shared-servers.js'

const flow = createFlow('steps')
  .node('first', async () => ({ output: 'first' }))
  .node('second', async () => ({ output: 'second' }))
  .edge('first', 'second')
const waiting = createFlow('waiting')
  .wait('gate')
  .node('after', async () => ({ output: 'after' }))
  .edge('gate', 'after')
/** Two start nodes: `late` stays due until its message comes. */
const two = createFlow('two')
  .node('early', async () => ({ output: 'early' }))
  .node('late', async () => ({ output: 'late' }))
const nowhere = { id: 'nowhere', nodes: [], edges: [] }

let badInput
let servers
before(async () => {
  badInput = await openBadInput([flow, waiting, two], { blueprintTimeout: 300, repairInterval: 0 })
  servers = badInput.servers
  badInput.adapter.runtime.options.blueprints.nowhere = nowhere
})
after(() => badInput.close())

/** Begins a run by a message of its own, and waits until it fails for a reason. */
async function fails(fields, reason, { context = {} } = {}) {
  const runId = await servers.begin(flow, context, { starts: [] })
  await servers.send({ runId, ...fields })
  const { status, result } = await servers.settled(runId)
  assert.equal(status, 'failed')
  assert.match(result.reason, reason)
  await badInput.letter(runId, reason)
}

describe('a run whose first message', () => {
  const cases = {
    'has an empty nodeId': [{ blueprintId: 'steps', nodeId: '' }, /'nodeId' is empty/],
    'has no nodeId': [{ blueprintId: 'steps' }, /nodeId/],
    'has a nodeId that is a number': [{ blueprintId: 'steps', nodeId: 7 }, /string/],
    'has no blueprintId, and its row names none': [{ nodeId: 'first' }, /blueprintId/],
    'has an empty blueprintId, and its row names none': [{ blueprintId: '', nodeId: 'first' }, /blueprintId/],
    'has a blueprintId that is a number': [{ blueprintId: 7, nodeId: 'first' }, /string/],
    'has an attempt that is none': [{ blueprintId: 'steps', nodeId: 'first', attempt: -1 }, /-1/],
    'names a node that is not in the blueprint': [{ blueprintId: 'steps', nodeId: 'ghost' }, /'ghost'/],
    'names a blueprint that nobody has': [{ blueprintId: 'ghost', nodeId: 'first' }, /'ghost'/],
    'names a node in the middle': [{ blueprintId: 'steps', nodeId: 'second' }, /does not begin at node 'second'/],
    'names a blueprint that begins nowhere': [{ blueprintId: 'nowhere', nodeId: 'a' }, /no start node/],
  }
  for (const [title, [fields, reason]] of Object.entries(cases)) {
    it(`${title} fails`, () => badInput.amongHealthyRuns(() => fails(fields, reason)))
  }

  it('lacks a blueprint that its row names goes on with that', async () => {
    for (const fields of [{}, { blueprintId: null }, { blueprintId: '' }]) {
      const runId = await servers.begin(flow, { blueprintId: 'steps' }, { starts: [] })
      await servers.send({ runId, nodeId: 'first', ...fields })
      assert.equal((await servers.settled(runId)).context['_outputs.second'], 'second')
    }
  })

  it('lacks a blueprint, and its row names one that nobody has, fails', () =>
    fails({ nodeId: 'first' }, /'house-7'/, { context: { blueprintId: 'house-7' } }))
})

describe('a run that has begun', () => {
  /** `early` is done, and `late` is due. */
  async function begun() {
    const runId = await servers.begin(two, {}, { starts: ['early'] })
    await until(async () => '_outputs.early' in (await servers.look(runId)).context)
    return runId
  }

  it('fails by a message for the node that is due, if it is no job', async () => {
    const runId = await begun()
    await servers.send({ runId, blueprintId: 'two', nodeId: 'late', attempt: 'x' })
    const { status, result } = await servers.settled(runId)
    assert.deepEqual([status, /"x"/.test(result.reason)], ['failed', true])
  })

  it('goes on by a message for the node that is due, if all it lacks is the blueprint', async () => {
    const runId = await begun()
    await servers.send({ runId, nodeId: 'late' })
    assert.equal((await servers.settled(runId)).context['_outputs.late'], 'late')
  })

  for (const [title, fields] of Object.entries({
    'names no node': { blueprintId: 'waiting', nodeId: '' },
    'is for what waits for something else': { blueprintId: 'waiting', nodeId: 'gate', attempt: -1 },
    'is for what is not due yet': { blueprintId: 'waiting', nodeId: 'after', attempt: -1 },
    'names another blueprint': { blueprintId: 'steps', nodeId: 'gate' },
    'is of an earlier round': { blueprintId: 'waiting', nodeId: 'gate', round: 0 },
  })) {
    it(`and awaits is left alone by a message that ${title}`, async () => {
      const runId = await servers.begin(waiting)
      await servers.settled(runId, ['awaiting'])
      await servers.send({ runId, ...fields })
      // Whatever was sent before it is done with by then.
      await servers.run(flow)
      assert.equal((await servers.look(runId)).status, 'awaiting')
      await badInput.adapter.resumeWithAction(runId, 'on')
      assert.equal((await servers.settled(runId)).status, 'completed')
    })
  }
})

describe('a run that failed before anything of it happened', () => {
  it('is retried from its start, if its row says what it is', async () => {
    const runId = await servers.begin(flow, { blueprintId: 'steps' }, { starts: [] })
    await servers.send({ runId, blueprintId: 'steps', nodeId: '' })
    assert.equal((await servers.settled(runId)).status, 'failed')
    assert.deepEqual(await badInput.adapter.retry(runId), new Set(['first']))
    assert.equal((await servers.settled(runId, ['completed'])).context['_outputs.second'], 'second')
  })

  it('stays failed if nothing says what it is, and whoever retries it is told', async () => {
    const runId = await servers.begin(flow, {}, { starts: [] })
    await servers.send({ runId, blueprintId: 'steps', nodeId: '' })
    await servers.settled(runId, ['failed'])
    await assert.rejects(badInput.adapter.retry(runId), { code: 'BLUEPRINT_UNKNOWN', runId })
    assert.equal((await servers.look(runId)).status, 'failed')
  })
})

describe('a run without a context row', () => {
  it('that has a status row does not stay running', async () => {
    const runId = servers.runId()
    await servers.insertStatus(runId)
    await servers.send({ runId, blueprintId: 'steps', nodeId: '' })
    await badInput.letter(runId, /nodeId/)
    await until(async () => (await servers.statusOf(runId)) === 'failed')
  })
})
