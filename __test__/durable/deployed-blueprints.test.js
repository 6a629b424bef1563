// A new deployment has other blueprints, of no version, while runs of the old ones go on: by the new graph where every node
// that is due exists; where one does not, the run fails and says which. Old workers that have it are waited for.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { declared, outputs } from '../fixtures/flows.js'
import { sharedServersFor, until } from '../fixtures/shared-servers.js'

const give = (id) => async () => ({ output: id })
const functions = {
  pass: async ({ input }) => ({ output: input ?? 'passed' }),
  a: give('a'),
  b: give('b'),
  c: give('c'),
  d: give('d'),
  flaky: async () => {
    throw new Error('not today')
  },
  many: async () => ({ output: [1, 2] }),
}

/** A blueprint from its edges, such as `a > b`; `more` says of a node what its id does not. */
function graph(edges, more = {}) {
  const pairs = edges.map((edge) => edge.split(' > '))
  const ids = [...new Set(pairs.flat())]
  const uses = (id) => (id in functions ? id : 'pass')
  const blueprint = {
    id: 'deployed',
    metadata: {},
    nodes: ids.map((id) => ({ id, uses: uses(id), ...more[id] })),
    edges: pairs.filter(([, target]) => target).map(([source, target]) => ({ source, target })),
  }
  return declared(blueprint, functions)
}

const other = declared({ id: 'other', metadata: {}, nodes: [{ id: 'a', uses: 'a' }], edges: [] }, functions)
const quick = { blueprintTimeout: 400, repairInterval: 1000 }

/** A run in some state of the old deployment; then its workers stop, and one with the new flow starts. */
async function deploy(t, before, after, { state = 'running', until: moment, ...options } = {}) {
  const servers = await sharedServersFor(t)
  await servers.freshQueue()
  const old = servers.adapter(before, { ...quick, ...options })
  const runId = await servers.begin(before)
  await until(async () => {
    const { status, context } = await servers.look(runId)
    return status === state && (!moment || moment(context))
  })
  await old.stop()
  const adapter = servers.adapter(after, { ...quick, ...options })
  const letters = () => adapter.listDeadLetters()
  return { servers, runId, adapter, letters }
}

/** The run fails, says what is missing, and leaves one dead letter, also later. */
async function failsFor({ servers, runId, letters }, reason, count = 1) {
  const { status, result } = await servers.settled(runId)
  assert.equal(status, 'failed')
  assert.match(result.reason, reason)
  await sleep(2500)
  const found = await letters()
  assert.equal(found.length, count, JSON.stringify(found.map((letter) => letter.reason)))
  for (const letter of found) assert.match(letter.reason, reason)
}

describe('a node that a run waits for is gone', () => {
  const gone = /'b' is not in blueprint 'deployed'/
  /** The worker stops while `a` runs: `b` is due, and its job waits. */
  async function stoppedAfterA(t, before, after) {
    const servers = await sharedServersFor(t)
    await servers.freshQueue()
    let stopped
    const stopping = async () => {
      stopped = old.stop()
      await sleep(100)
      return { output: 'a' }
    }
    const stops = { ...functions, a: stopping }
    const old = servers.adapter(declared(before.toBlueprint(), stops), { ...quick, concurrency: 1 })
    const runId = await servers.begin(before)
    await until(() => stopped !== undefined)
    await stopped
    const adapter = servers.adapter(after, quick)
    return { servers, runId, adapter, letters: () => adapter.listDeadLetters() }
  }

  it('while its job waits in the queue', async (t) => {
    await failsFor(await stoppedAfterA(t, graph(['a > b']), graph(['a > c'])), gone)
  })

  it('with its whole blueprint', async (t) => {
    await failsFor(await stoppedAfterA(t, graph(['a > b']), other), /Blueprint 'deployed' is not in/)
  })

  it('while it sleeps', async (t) => {
    const before = graph(['a > b'], { b: { uses: 'sleep', params: { duration: 1500 } } })
    await failsFor(await deploy(t, before, graph(['a > c']), { state: 'awaiting' }), gone)
  })

  it('while it sleeps, with its whole blueprint', async (t) => {
    const before = graph(['a > b'], { b: { uses: 'sleep', params: { duration: 1500 } } })
    await failsFor(await deploy(t, before, other, { state: 'awaiting' }), /Blueprint 'deployed' is not in/)
  })

  it('while it awaits, and is resumed', async (t) => {
    const before = graph(['a > b'], { b: { uses: 'wait' } })
    const after = await deploy(t, before, graph(['a > c']), { state: 'awaiting' })
    await after.adapter.resumeWithAction(after.runId, 'on')
    await failsFor(after, gone)
  })

  it('between two attempts through the queue', async (t) => {
    const before = graph(['a > b'], { b: { uses: 'flaky', config: { maxRetries: 3, retryDelay: 1500 } } })
    const retried = (context) => '_outputs.a' in context
    const after = await deploy(t, before, graph(['a > c']), { retryMode: 'queue', until: retried })
    await failsFor(after, gone)
  })
})

describe('a run goes on by the new graph', () => {
  const before = graph(['g > j', 'h > j', 'j > d'], { g: { uses: 'wait' }, h: { uses: 'wait' } })

  it('where the node that is due leads elsewhere', async (t) => {
    const { servers, runId, adapter } = await deploy(
      t,
      graph(['g > b', 'b > d'], { g: { uses: 'wait' } }),
      graph(['g > c', 'b > d'], { g: { uses: 'wait' } }),
      { state: 'awaiting' },
    )
    await adapter.resumeWithAction(runId, undefined, 'on')
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, outputs(context)], ['completed', { g: 'on', c: 'c' }])
  })

  it('where a join loses a predecessor that others wait with', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.freshQueue()
    const old = servers.adapter(before, quick)
    const runId = await servers.begin(before)
    await servers.settled(runId, ['awaiting'])
    await old.resumeWithAction(runId, undefined, 'on', 'g')
    await until(async () => '_outputs.g' in (await servers.look(runId)).context)
    await servers.settled(runId, ['awaiting'])
    await old.stop()
    const adapter = servers.adapter(graph(['g > j', 'h', 'j > d'], { g: { uses: 'wait' }, h: { uses: 'wait' } }), quick)
    await adapter.resumeWithAction(runId, undefined, 'too', 'h')
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(outputs(context), { g: 'on', h: 'too', j: 'on', d: 'd' })
  })
})

describe('in a rolling deployment', () => {
  it('a worker without the node does not fail the run while one that has it is busy', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.freshQueue()
    let goOn
    const held = new Promise((resolve) => {
      goOn = resolve
    })
    let isHeld = false
    const hold = () => {
      isHeld = true
      return held
    }
    const busy = declared({ id: 'busy', metadata: {}, nodes: [{ id: 'x', uses: 'x' }], edges: [] }, { x: hold })
    let holds
    // `busy` takes the old worker's only slot before `b` can.
    const fills = async () => {
      holds = await servers.begin(busy)
      return { output: 'a' }
    }
    const before = declared(graph(['a > b']).toBlueprint(), { ...functions, a: fills })
    const old = servers.adapter([before, busy], { ...quick, concurrency: 1, continuation: false })
    const runId = await servers.begin(before)
    await until(async () => isHeld && '_outputs.a' in (await servers.look(runId)).context)
    const next = servers.adapter([graph(['a > c']), busy], quick)
    // Several times as long as a job waits for a worker that nobody is.
    await sleep(3000)
    assert.equal((await servers.look(runId)).status, 'running')
    goOn({ output: 'held' })
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, outputs(context)], ['completed', { a: 'a', b: 'b' }])
    await servers.settled(holds)
    assert.deepEqual(await next.listDeadLetters(), [])
    await old.stop()
  })

  it('a run that begins where only new workers do is not failed by an old one', async (t) => {
    const servers = await sharedServersFor(t)
    await servers.freshQueue()
    const after = graph(['c > d'])
    servers.adapter(graph(['a > b']), { ...quick, blueprintTimeout: 10_000 })
    const runId = await servers.begin(after)
    await sleep(1000)
    assert.equal((await servers.look(runId)).status, 'running')
    servers.adapter(after, quick)
    assert.deepEqual(outputs((await servers.settled(runId)).context), { c: 'c', d: 'd' })
  })
})

describe('resumeWithAction with an action that no edge takes', () => {
  const gates = (edges) =>
    declared(
      {
        id: 'deployed',
        metadata: {},
        nodes: ['gate', 'b', 'c'].map((id) => ({ id, uses: id === 'gate' ? 'wait' : id })),
        edges: edges.map(([target, action]) => ({ source: 'gate', target, ...(action && { action }) })),
      },
      functions,
    )

  async function awaiting(t, flow) {
    const servers = await sharedServersFor(t)
    const adapter = await servers.workerFor(t, flow)
    const runId = await servers.begin(flow)
    await servers.settled(runId, ['awaiting'])
    return { servers, adapter, runId }
  }

  it('is refused, and says which there are; the run waits as before', async (t) => {
    const flow = gates([
      ['b', 'approve'],
      ['c', 'reject'],
    ])
    const { servers, adapter, runId } = await awaiting(t, flow)
    await assert.rejects(adapter.resumeWithAction(runId, 'aprove'), ({ code, message, nodeId }) => {
      assert.match(message, /'aprove'.*'approve', 'reject'/)
      assert.deepEqual([code, nodeId, message.includes(runId)], ['ACTION_UNKNOWN', 'gate', true])
      return true
    })
    assert.equal((await servers.look(runId)).status, 'awaiting')
    await adapter.resumeWithAction(runId, 'approve')
    assert.equal((await servers.settled(runId)).context['_outputs.b'], 'b')
  })

  it('is none where an edge takes any action, or there is no edge', async (t) => {
    const any = await awaiting(t, gates([['b', 'approve'], ['c']]))
    await any.adapter.resumeWithAction(any.runId, 'whatever')
    assert.equal((await any.servers.settled(any.runId)).context['_outputs.c'], 'c')
    const none = await awaiting(t, gates([]))
    await none.adapter.resumeWithAction(none.runId, 'whatever')
    assert.equal((await none.servers.settled(none.runId)).status, 'completed')
  })

  it('is not known to an adapter that has no such blueprint: the run goes where its own says', async (t) => {
    const flow = gates([['b', 'approve']])
    const { servers, runId } = await awaiting(t, flow)
    const website = servers.adapter(other, { started: false })
    await website.resumeWithAction(runId, 'aprove')
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})
