// Jobs that are jobs, of runs that are none: no row, no such node, no such blueprint, a row that is not one. The worker
// says so in the dead letters and in the run's status, makes up nothing and changes nothing.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { onServers } from '../fixtures/shared-servers.js'

let ran = []
const note = (name) => async () => {
  ran.push(name)
  return { output: name }
}
const flow = createFlow('steps').node('first', note('first')).node('second', note('second')).edge('first', 'second')
const other = createFlow('other').node('first', note('the first of other'))
const waiting = createFlow('waiting').wait('gate').node('after', note('after')).edge('gate', 'after')

let badInput
let servers
before(async () => {
  badInput = await openBadInput([flow, other, waiting], { blueprintTimeout: 300 })
  servers = badInput.servers
})
after(() => badInput.close())
beforeEach(() => {
  ran = []
})

const job = (runId, nodeId = 'first', blueprintId = 'steps') => ({ runId, blueprintId, nodeId })

describe('a run without a context row', () => {
  it('starts from an empty one at a start node', async () => {
    const runId = servers.runId()
    await servers.send(job(runId))
    const { status, context } = await servers.settled(runId)
    assert.equal(status, 'completed')
    assert.deepEqual(ran, ['first', 'second'])
    assert.deepEqual([context['_outputs.second'], context.blueprintId], ['second', 'steps'])
  })

  for (const [title, nodeId] of Object.entries({
    'any other node': 'second',
    'a node that is not in the blueprint': 'ghost',
    'a node called __proto__': '__proto__',
  })) {
    it(`gets none from ${title}: a dead letter, and nothing runs`, () =>
      badInput.amongHealthyRuns(async () => {
        const runId = servers.runId()
        await servers.send(job(runId, nodeId))
        const letter = await badInput.letter(runId)
        assert.ok(letter.reason.includes(`'${nodeId}'`), letter.reason)
        assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
        assert.deepEqual(ran, [])
      }))
  }
})

describe('a run whose first message names a node its blueprint does not have', () => {
  it('cannot begin: it fails, and the message is a dead letter', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = await servers.begin(flow, { user: 'Ada' }, { starts: ['ghost'] })
      await badInput.letter(runId, /'ghost' is not in blueprint 'steps'/)
      const { status, result, context } = await servers.settled(runId)
      assert.equal(status, 'failed')
      assert.match(result.reason, /'ghost' is not in blueprint 'steps'/)
      assert.equal(context.user, 'Ada')
      assert.deepEqual(ran, [])
    }))
})

describe('a message for a run that goes on', () => {
  async function paused() {
    const runId = await servers.begin(waiting)
    await servers.settled(runId, ['awaiting'])
    return runId
  }
  async function goesOn(runId) {
    await badInput.adapter.resumeWithAction(runId, 'on')
    assert.equal((await servers.settled(runId)).status, 'completed')
    assert.deepEqual(ran, ['after'])
  }

  it('that names a node its blueprint does not have is a dead letter; the run goes on', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = await paused()
      await servers.send(job(runId, 'ghost', 'waiting'))
      await badInput.letter('"ghost"', /'ghost'/)
      await goesOn(runId)
    }))

  it('that names a node which is not due does nothing to it', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = await paused()
      await servers.send(job(runId, 'after', 'waiting'))
      await servers.send(job(runId, 'gate', 'waiting'))
      await goesOn(runId)
    }))

  it('that names another blueprint is a dead letter, and runs none of its nodes', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = await paused()
      await servers.send(job(runId, 'first', 'other'))
      await badInput.letter(runId, /'other'.*'waiting'|'waiting'.*'other'/)
      assert.deepEqual(ran, [])
      await goesOn(runId)
    }))

  it('that has ended changes nothing', () =>
    badInput.amongHealthyRuns(async () => {
      const { runId, end } = await ended()
      for (const nodeId of ['first', 'second', 'ghost']) await servers.send(job(runId, nodeId))
      await servers.run(flow)
      assert.deepEqual(await servers.look(runId), end)
    }))

  async function ended() {
    const runId = await servers.begin(flow)
    return { runId, end: await servers.settled(runId) }
  }
})

describe('a blueprint nobody has', () => {
  for (const blueprintId of ['nowhere', '__proto__', 'constructor', 'toString']) {
    it(`called '${blueprintId}' fails its run, and its job is a dead letter`, () =>
      badInput.amongHealthyRuns(async () => {
        const runId = await servers.begin(flow, { user: 'Ada' }, { starts: [] })
        await servers.send(job(runId, 'first', blueprintId))
        const { status, result, context } = await servers.settled(runId)
        assert.equal(status, 'failed')
        assert.ok(result.reason.includes(`'${blueprintId}'`), result.reason)
        assert.equal(context.user, 'Ada')
        await badInput.letter(runId, /is not in this worker's runtime/)
        assert.deepEqual(ran, [])
      }))
  }
})

describe('context_data that is null is an empty context', () => {
  before(() => servers.allowNullContexts())

  for (const [title, json] of Object.entries({ 'JSON null': 'null', 'SQL NULL': null })) {
    const where = json === null ? onServers('SQL') : {}

    it(title, where, async () => {
      const runId = servers.runId()
      await servers.insert(runId, json)
      await servers.insertStatus(runId)
      await servers.send(job(runId))
      const { status, context } = await servers.settled(runId)
      assert.deepEqual([status, context['_outputs.second']], ['completed', 'second'])
    })

    it(`${title}, for a context read and written directly`, where, async () => {
      const runId = servers.runId()
      await servers.insert(runId, json)
      const context = badInput.adapter.createContext(runId)
      assert.deepEqual([await context.get('a'), await context.has('a'), await context.toJSON()], [undefined, false, {}])
      assert.equal(await context.delete('a'), false)
      await context.set('a', 1)
      assert.deepEqual(await context.toJSON(), { a: 1 })
    })
  }
})

describe('context_data that is not an object', () => {
  const cases = { 'an array': '[1, {"a": 2}]', 'a text': '"first"', 'a number': '7', 'a boolean': 'false' }
  for (const [title, json] of Object.entries(cases)) {
    it(`${title}: a dead letter, the run failed, the row as it was`, () =>
      badInput.amongHealthyRuns(async () => {
        const runId = servers.runId()
        await servers.insert(runId, json)
        await servers.insertStatus(runId)
        await servers.send(job(runId))
        await badInput.letter(runId, /context_data is not a JSON object/)
        const { status, result, context } = await servers.settled(runId, undefined, 5000)
        assert.equal(status, 'failed')
        assert.match(result.reason, /context_data is not a JSON object/)
        assert.deepEqual(context, JSON.parse(json))
        assert.deepEqual(ran, [])
      }))

    it(`${title}: whoever controls the run, or writes its context, is told`, async () => {
      const runId = servers.runId()
      await servers.insert(runId, json)
      const { adapter } = badInput
      const context = adapter.createContext(runId)
      const calls = {
        resume: () => adapter.resumeWithAction(runId, 'on'),
        sendEvent: () => adapter.sendEvent(runId, 'paid'),
        cancel: () => adapter.cancel(runId),
        retry: () => adapter.retry(runId),
        toJSON: () => context.toJSON(),
        set: () => context.set('a', 1),
        patch: () => context.patch([{ op: 'delete', key: 'a' }]),
      }
      for (const [name, call] of Object.entries(calls)) {
        await assert.rejects(call(), (error) => error.message.includes(runId), name)
      }
      assert.deepEqual((await servers.look(runId)).context, JSON.parse(json))
    })
  }
})

describe('bookkeeping that is damaged', () => {
  const cases = {
    'is null': null,
    'is a number': 7,
    'is an array': [],
    'is empty': {},
    'has a ledger that is a text': { ledger: 'running' },
    'has a ledger without nodes': { ledger: { status: 'running' } },
    'has a status nobody knows': { ledger: { status: 'dancing', nodes: {} } },
    'has a node in a state nobody knows': { ledger: { status: 'running', nodes: { first: { state: 'tired' } } } },
    'has a node in a negative round': { ledger: { status: 'running', nodes: { first: { state: 'due', round: -1 } } } },
  }
  for (const [title, bookkeeping] of Object.entries(cases)) {
    it(`${title}: a dead letter, the run failed, the row as it was`, () =>
      badInput.amongHealthyRuns(async () => {
        const row = { user: 'Ada', _flowcraft: bookkeeping }
        const runId = await servers.begin(flow, row)
        await badInput.letter(runId, /reserved key cannot be read/)
        const { status, result, context } = await servers.settled(runId, undefined, 5000)
        assert.equal(status, 'failed')
        assert.match(result.reason, /reserved key cannot be read/)
        assert.deepEqual(context, row)
        assert.deepEqual(ran, [])
      }))
  }

  it('of the kind that core writes does not keep a run from its end', async () => {
    const row = {
      _awaitingNodeIds: 7,
      _awaitingDetails: 'x',
      '_inputs.first': null,
      '_resume.action': {},
      blueprintId: 7,
    }
    const { status, context } = await servers.run(flow, row)
    assert.deepEqual([status, context['_outputs.second']], ['completed', 'second'])
  })
})
