// Whoever deploys a blueprint into a running process: another one is put in its place, under the same id.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { declared, outputs } from '../fixtures/flows.js'
import { openSharedServers } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Every node gives out its own id; `gate` waits to be resumed; `slow` as long as the test says. */
function functions(slow = () => {}) {
  const give = (id) => async () => ({ output: id })
  return {
    first: give('first'),
    old: give('old'),
    new: give('new'),
    end: give('end'),
    slow: async () => void (await slow()),
  }
}

/** A blueprint from its edges, such as `first > old`. */
function blueprint(version, ...edges) {
  const pairs = edges.map((edge) => edge.split(' > '))
  const ids = [...new Set(pairs.flat())]
  return {
    id: 'deployed',
    metadata: version === undefined ? {} : { version },
    nodes: ids.map((id) => ({ id, uses: id === 'gate' ? 'wait' : id })),
    edges: pairs.filter(([, target]) => target).map(([source, target]) => ({ source, target })),
  }
}

/** A worker that has a blueprint, and the way to put another in its place. */
async function deployed(t, before, { slow, ...options } = {}) {
  const flow = (of) => declared(of, functions(slow))
  const adapter = await servers.workerFor(t, flow(before), options)
  const { blueprints } = adapter.runtime.options
  return {
    adapter,
    begin: (of) => servers.begin(flow(of)),
    replace(by) {
      if (by) blueprints.deployed = by
      else delete blueprints.deployed
    },
  }
}

const awaiting = (runId) => servers.settled(runId, ['awaiting'])

describe('a blueprint replaced under its id', () => {
  for (const [what, old, next] of [
    ['of another version', '1', '2'],
    ['without versions', undefined, undefined],
  ]) {
    it(`${what} is the one that new runs go by, from their first node to their last`, async (t) => {
      const [before, after] = [blueprint(old, 'first > old'), blueprint(next, 'first > new', 'new > end')]
      const { begin, replace } = await deployed(t, before)
      const first = await servers.settled(await begin(before))
      assert.deepEqual(outputs(first.context), { first: 'first', old: 'old' })
      replace(after)
      const second = await servers.settled(await begin(after))
      assert.equal(second.status, 'completed')
      assert.deepEqual(outputs(second.context), { first: 'first', new: 'new', end: 'end' })
      assert.equal(second.context.blueprintVersion, next ?? null)
    })
  }

  it('may begin elsewhere', async (t) => {
    const [before, after] = [blueprint('1', 'first > old'), blueprint('2', 'new > end')]
    const { begin, replace } = await deployed(t, before)
    await servers.settled(await begin(before))
    replace(after)
    const { status, context } = await servers.settled(await begin(after))
    assert.equal(status, 'completed')
    assert.deepEqual(outputs(context), { new: 'new', end: 'end' })
  })

  it('is the one that a run without a version goes on by', async (t) => {
    const { adapter, begin, replace } = await deployed(t, blueprint(undefined, 'gate > old'))
    const runId = await begin(blueprint(undefined, 'gate > old'))
    await awaiting(runId)
    // A join: whether `end` waits for both is the engine's to know, which edges lead there is JavaScript's.
    replace(blueprint(undefined, 'gate > new', 'gate > old', 'new > end', 'old > end'))
    await adapter.resumeWithAction(runId, undefined, 'on')
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(outputs(context), { gate: 'on', new: 'new', old: 'old', end: 'end' })
  })

  it('leaves a node that is being executed with the one it began with', async (t) => {
    let goOn
    const held = new Promise((resolve) => {
      goOn = resolve
    })
    let begun
    const executing = new Promise((resolve) => {
      begun = resolve
    })
    const slow = async () => {
      begun()
      await held
    }
    const before = blueprint(undefined, 'slow > old')
    const { begin, replace } = await deployed(t, before, { slow })
    const runId = await begin(before)
    await executing
    replace(blueprint(undefined, 'slow > new', 'old > end'))
    goOn()
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(outputs(context), { old: 'old', end: 'end' })
  })

  it('does not take over runs of another version: they wait until it is back', async (t) => {
    const [before, after] = [blueprint('1', 'gate > old'), blueprint('2', 'gate > new')]
    const { adapter, begin, replace } = await deployed(t, before)
    const runId = await begin(before)
    await awaiting(runId)
    replace(after)
    await adapter.resumeWithAction(runId, undefined, 'on')
    await sleep(700)
    assert.equal((await servers.look(runId)).status, 'running')
    replace(before)
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(outputs(context), { gate: 'on', old: 'old' })
  })

  it('is missed when it is removed, until it is back', async (t) => {
    const only = blueprint('1', 'first > old')
    const { begin, replace } = await deployed(t, only)
    await servers.settled(await begin(only))
    replace(undefined)
    const runId = await begin(only)
    await sleep(700)
    assert.equal((await servers.look(runId)).status, 'running')
    replace(only)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('that cannot be run fails the runs that come to it, and says why', async (t) => {
    const before = blueprint('1', 'first > old')
    const { begin, replace } = await deployed(t, before)
    await servers.settled(await begin(before))
    replace({ ...before, edges: [{ source: 'first', target: 'nowhere' }] })
    const { status, result } = await servers.settled(await begin(before))
    assert.equal(status, 'failed')
    assert.match(result.reason, /'nowhere'/)
  })
})
