// What was refused is not lost: dead letters are looked at where they are, and put back once their cause is mended.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { onServers, until, urls } from '../fixtures/shared-servers.js'

const known = createFlow('known')
  .node('first', () => ({ output: 1 }))
  .node('second', ({ input }) => ({ output: input + 1 }))
  .edge('first', 'second')
const missing = createFlow('missing')
  .node('first', () => ({ output: 'found' }))
  .node('second', ({ input }) => ({ output: [input] }))
  .edge('first', 'second')

/** A `BadInput` of its own: what lies among the dead letters is all of it. */
async function open(t, options) {
  const badInput = await openBadInput(known, { blueprintTimeout: 200, ...options })
  t.after(() => badInput.close())
  const { servers, adapter } = badInput
  return {
    badInput,
    servers,
    adapter,
    /** Sends what is no job, and waits until so many letters lie there. */
    async refuse(...bodies) {
      const already = await servers.waiting(badInput.deadQueue)
      for (const [index, body] of bodies.entries()) {
        await servers.send(body)
        // One after the other: the order they died in is the order they are told in.
        await holds(badInput, already + index + 1)
      }
    },
    addMissing() {
      for (const [key, node] of missing.getFunctionRegistry()) adapter.runtime.registry.set(key, node)
      adapter.runtime.options.blueprints.missing = missing.toBlueprint()
    },
  }
}

const holds = (badInput, count) =>
  until(async () => (await badInput.servers.waiting(badInput.deadQueue)) === count, { what: `${count} dead letters` })

describe('listDeadLetters', () => {
  it('tells each with its reason, its time, its worker and its body, the oldest first', async (t) => {
    const { badInput, servers, adapter, refuse } = await open(t)
    await badInput.amongHealthyRuns(() => refuse('not a job', '{ "runId": 7 }'))
    const runId = servers.runId()
    await refuse({ runId, blueprintId: 'known', nodeId: 'second' })
    const letters = await adapter.listDeadLetters()
    assert.equal(letters.length, 3)
    assert.deepEqual(
      letters.slice(0, 2).map(({ body }) => body),
      ['not a job', '{ "runId": 7 }'],
    )
    for (const { id, reason, time, worker } of letters) {
      assert.equal(typeof id, 'string')
      assert.ok(reason.length > 10)
      assert.ok(time instanceof Date && Math.abs(time - Date.now()) < 60_000, String(time))
      assert.match(worker, new RegExp(`:${process.pid}:`))
    }
    assert.equal(new Set(letters.map(({ id }) => id)).size, 3)
    assert.deepEqual(
      letters.map(({ job }) => job),
      [undefined, undefined, { runId, blueprintId: 'known', nodeId: 'second' }],
    )
  })

  it('takes none away, however often it is asked', async (t) => {
    const { badInput, adapter, refuse } = await open(t)
    await refuse('one', 'two', 'three')
    const first = await adapter.listDeadLetters()
    assert.deepEqual(await adapter.listDeadLetters(), first)
    await Promise.all([adapter.listDeadLetters(), adapter.listDeadLetters()])
    await holds(badInput, 3)
    assert.deepEqual(await adapter.listDeadLetters(), first)
  })

  it('tells as many as it is asked for, a hundred unless told', async (t) => {
    const { badInput, servers, adapter } = await open(t)
    for (let index = 0; index < 105; index++) await servers.send(`no job ${index}`)
    await holds(badInput, 105)
    assert.equal((await adapter.listDeadLetters()).length, 100)
    assert.equal((await adapter.listDeadLetters({ limit: 3 })).length, 3)
    assert.equal((await adapter.listDeadLetters({ limit: 1000 })).length, 105)
    await holds(badInput, 105)
  })

  it('is empty where nothing was ever refused', async (t) => {
    const { badInput, servers, adapter } = await open(t)
    await servers.deleteQueue(badInput.deadQueue)
    assert.deepEqual(await adapter.listDeadLetters(), [])
    assert.equal(await adapter.replayDeadLetters(), 0)
  })

  it('and replayDeadLetters refuse what they cannot take, by a TypeError', async (t) => {
    const { badInput, adapter, refuse } = await open(t)
    await refuse('one')
    for (const options of [{ limit: 0 }, { limit: -1 }, { limit: 1.5 }, { limit: 'all' }]) {
      await assert.rejects(async () => adapter.listDeadLetters(options), TypeError, JSON.stringify(options))
      await assert.rejects(async () => adapter.replayDeadLetters(options), TypeError, JSON.stringify(options))
    }
    for (const options of [{ ids: 'one' }, { ids: [7] }]) {
      await assert.rejects(async () => adapter.replayDeadLetters(options), TypeError, JSON.stringify(options))
    }
    await holds(badInput, 1)
  })
})

describe('replayDeadLetters', () => {
  it('runs a job whose blueprint was added, and its run completes', async (t) => {
    const { badInput, servers, adapter, addMissing } = await open(t)
    const runId = await servers.begin(missing)
    assert.equal((await servers.settled(runId)).status, 'failed')
    await holds(badInput, 1)
    addMissing()
    await badInput.amongHealthyRuns(async () => {
      assert.equal(await adapter.replayDeadLetters(), 1)
      const { result, context } = await servers.settled(runId, ['completed'])
      assert.equal(result.status, 'completed')
      assert.deepEqual(context['_outputs.second'], ['found'])
    })
    await holds(badInput, 0)
  })

  for (const [title, damaged, repaired] of [
    ['is no object', [1, 2], { user: 'Ada' }],
    ['has bookkeeping that cannot be read', { user: 'Ada', _flowcraft: 7 }, { user: 'Ada' }],
  ]) {
    it(`runs a job whose row ${title}, once it is repaired, and its run completes`, async (t) => {
      const { badInput, servers, adapter } = await open(t)
      const runId = await servers.begin(known, damaged)
      assert.equal((await servers.settled(runId)).status, 'failed')
      await holds(badInput, 1)
      await servers.replaceContext(runId, repaired)
      await badInput.amongHealthyRuns(async () => {
        assert.equal(await adapter.replayDeadLetters(), 1)
        const { result, context } = await servers.settled(runId, ['completed'])
        assert.equal(result.status, 'completed')
        assert.deepEqual([context.user, context['_outputs.second']], ['Ada', 2])
      })
      await holds(badInput, 0)
    })
  }

  it('runs a job of a run without a row, once it has one', async (t) => {
    const { badInput, servers, adapter, refuse } = await open(t)
    const runId = servers.runId()
    await refuse({ runId, blueprintId: 'known', nodeId: 'second' })
    await servers.begin(known, {}, { runId })
    await servers.settled(runId, ['completed'])
    assert.equal(await adapter.replayDeadLetters(), 1)
    await badInput.amongHealthyRuns(async () => {})
    await holds(badInput, 0)
    assert.equal((await servers.look(runId)).context['_outputs.second'], 2)
  })

  it('puts back those it is told to, and leaves the others as they are', async (t) => {
    const { badInput, servers, adapter, addMissing } = await open(t)
    const runs = []
    for (let count = 1; count <= 3; count++) {
      runs.push(await servers.begin(missing))
      await holds(badInput, count)
    }
    addMissing()
    const letters = await adapter.listDeadLetters()
    const chosen = letters.find(({ job }) => job.runId === runs[1])
    assert.equal(await adapter.replayDeadLetters({ ids: [chosen.id] }), 1)
    assert.equal((await servers.settled(runs[1], ['completed'])).status, 'completed')
    await holds(badInput, 2)
    assert.deepEqual(
      await adapter.listDeadLetters(),
      letters.filter((letter) => letter !== chosen),
    )
    assert.equal(await adapter.replayDeadLetters({ ids: [chosen.id, 'nobody'] }), 0)
    assert.equal(await adapter.replayDeadLetters({ ids: [] }), 0)
    assert.equal(await adapter.replayDeadLetters({ limit: 1 }), 1)
    assert.equal((await servers.settled(runs[0], ['completed'])).status, 'completed')
    assert.equal((await servers.look(runs[2])).status, 'failed')
    await holds(badInput, 1)
  })

  it('a letter whose cause is not mended comes back, byte for byte, and is put back once', async (t) => {
    const { badInput, adapter, refuse } = await open(t)
    const bytes = Buffer.from([0xff, 0x00, 0x7b])
    await refuse('no job', bytes)
    await badInput.amongHealthyRuns(async () => {
      assert.equal(await adapter.replayDeadLetters(), 2)
      await holds(badInput, 2)
    })
    await badInput.letter(({ content }) => content.equals(bytes), /not a job/)
    await badInput.letter('no job', /not a job/)
  })

  it('a job comes back with every field it came with', async (t) => {
    const { badInput, servers, adapter, refuse } = await open(t)
    const job = { runId: servers.runId(), blueprintId: 'known', nodeId: 'second', trace: { id: 'abc' } }
    await refuse(job)
    const [letter] = await adapter.listDeadLetters()
    assert.deepEqual(JSON.parse(letter.body), job)
    assert.equal(await adapter.replayDeadLetters(), 1)
    await holds(badInput, 1)
  })

  it('a letter that somebody else put there has an id too, by what it says', async (t) => {
    const { badInput, servers, adapter, refuse } = await open(t)
    await refuse('no job')
    const { queue } = servers
    servers.queue = `${queue}.dead`
    await servers.sendMany(['moved by hand', 'moved by hand', 'also moved'])
    servers.queue = queue
    await holds(badInput, 4)
    const ids = (await adapter.listDeadLetters()).map(({ id }) => id)
    assert.ok(ids.every((id) => typeof id === 'string' && id !== ''))
    assert.deepEqual([ids[1] === ids[2], new Set(ids).size], [true, 3])
    assert.deepEqual(
      (await adapter.listDeadLetters()).map(({ id }) => id),
      ids,
      'the same whenever it is looked at',
    )
    assert.equal(await adapter.replayDeadLetters({ ids: [ids[3]] }), 1)
    await holds(badInput, 4)
    assert.equal(
      (await adapter.listDeadLetters()).filter(({ id }) => id === ids[3]).length,
      0,
      'it has one of ours now',
    )
  })

  it('twice at a time puts each back once', async (t) => {
    const { badInput, servers, adapter, addMissing } = await open(t)
    const runs = []
    for (let count = 1; count <= 10; count++) runs.push(await servers.begin(missing))
    await holds(badInput, 10)
    // A run fails right after its letter is kept; what is put back before that fails with it.
    for (const runId of runs) await servers.settled(runId, ['failed'])
    addMissing()
    const counts = await Promise.all([adapter.replayDeadLetters(), adapter.replayDeadLetters()])
    assert.equal(counts[0] + counts[1], 10)
    for (const runId of runs) assert.equal((await servers.settled(runId, ['completed'])).status, 'completed')
    await holds(badInput, 0)
  })

  it('needs no start()', async (t) => {
    const { badInput, servers, refuse, addMissing } = await open(t)
    await refuse('no job')
    const runId = await servers.begin(missing)
    await holds(badInput, 2)
    const website = servers.adapter(known, { started: false })
    assert.equal((await website.listDeadLetters()).length, 2)
    addMissing()
    assert.equal(await website.replayDeadLetters(), 2)
    assert.equal((await servers.settled(runId, ['completed'])).status, 'completed')
    await holds(badInput, 1)
  })

  it('works through a live amqplib connection', onServers('a live connection'), async (t) => {
    const connection = await amqplib.connect(urls.amqp)
    const { badInput, servers, adapter, refuse, addMissing } = await open(t, { amqpConnection: connection })
    t.after(() => connection.close())
    await refuse('no job')
    const runId = await servers.begin(missing)
    await holds(badInput, 2)
    const letters = await adapter.listDeadLetters()
    assert.deepEqual([letters[0].body, letters[1].job.runId], ['no job', runId])
    addMissing()
    await badInput.amongHealthyRuns(async () => {
      assert.equal(await adapter.replayDeadLetters({ ids: [letters[1].id] }), 1)
      assert.equal((await servers.settled(runId, ['completed'])).status, 'completed')
    })
    await holds(badInput, 1)
  })
})
