// `blueprintId` and `blueprintVersion` in a context mean what the user means, whoever writes them, and when. The engine
// goes by what it keeps under its own key.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'

/** `first` writes the keys in `sets` and removes those in `removes`. */
const writes = async ({ context }) => {
  for (const [key, value] of Object.entries((await context.get('sets')) ?? {})) await context.set(key, value)
  for (const key of (await context.get('removes')) ?? []) await context.delete(key)
  return { output: 'first' }
}
const reads = async ({ context }) => ({
  output: [await context.get('blueprintId'), await context.get('blueprintVersion')],
})
const flow = createFlow('house').node('first', writes).node('last', reads).edge('first', 'last')
const waiting = createFlow('visit').wait('gate').node('last', reads).edge('gate', 'last', { action: 'in' })
let failures = 0
const failing = createFlow('weak')
  .node('first', async () => {
    if (failures++ === 0) throw new Error('not yet')
    return { output: 'first' }
  })
  .node('last', reads)
  .edge('first', 'last')

let servers
let adapter
before(async () => {
  servers = await openSharedServers()
  await servers.freshQueue()
  adapter = servers.adapter([flow, waiting, failing], { blueprintTimeout: 300, versionTimeout: 300 })
})
after(() => servers.close())

/** What the last node and the final result say of the two keys. */
async function seen(runId) {
  const { status, result, context } = await servers.settled(runId)
  assert.equal(status, 'completed', result?.reason)
  const { blueprintId, blueprintVersion } = result.payload.context
  assert.deepEqual(
    context['_outputs.last'],
    JSON.parse(JSON.stringify([blueprintId ?? null, blueprintVersion ?? null])),
  )
  return { blueprintId, blueprintVersion }
}

describe('in an initial context, the user has', () => {
  for (const [title, keys] of Object.entries({
    'an id of their own': { blueprintId: 'house-7' },
    'an id that is a number': { blueprintId: 7 },
    'the id of another blueprint here': { blueprintId: 'visit' },
    'a version of their own': { blueprintVersion: '3' },
    'a version that is an object': { blueprintVersion: { major: 3 } },
    'both, of their own': { blueprintId: 'house-7', blueprintVersion: null },
  })) {
    it(title, async () => {
      const expected = { blueprintId: 'house', blueprintVersion: null, ...keys }
      assert.deepEqual(await seen(await servers.begin(flow, keys)), expected)
    })
  }

  it('the same as the engine, as clients of version 1 write it', async () => {
    const keys = { blueprintId: 'house', blueprintVersion: null }
    assert.deepEqual(await seen(await servers.begin(flow, keys)), keys)
  })

  it('an id of their own, and the run pauses and is resumed', async () => {
    const runId = await servers.begin(waiting, { blueprintId: 'house' })
    await servers.settled(runId, ['awaiting'])
    await adapter.resumeWithAction(runId, 'in')
    assert.deepEqual(await seen(runId), { blueprintId: 'house', blueprintVersion: null })
  })

  it('an id of their own, and the run fails and is retried', async () => {
    const runId = await servers.begin(failing, { blueprintId: 'house-7' })
    assert.equal((await servers.settled(runId)).status, 'failed')
    await adapter.retry(runId)
    assert.equal((await servers.settled(runId, ['completed'])).result.payload.context.blueprintId, 'house-7')
  })
})

describe('a node writes', () => {
  for (const [title, context, keys] of [
    ['blueprintId', { sets: { blueprintId: 'mine' } }, { blueprintId: 'mine', blueprintVersion: null }],
    ['blueprintVersion', { sets: { blueprintVersion: 'mine' } }, { blueprintId: 'house', blueprintVersion: 'mine' }],
    ['neither: it removes both', { removes: ['blueprintId', 'blueprintVersion'] }, {}],
  ]) {
    it(title, async () => {
      const found = await seen(await servers.begin(flow, context))
      assert.deepEqual(JSON.parse(JSON.stringify(found)), keys)
    })
  }
})

describe('somebody outside writes', () => {
  it('both while the run awaits, and it is reconciled, told of an event and resumed', async () => {
    const runId = await servers.begin(waiting)
    await servers.settled(runId, ['awaiting'])
    const context = adapter.createContext(runId)
    await context.patch([
      { op: 'set', key: 'blueprintId', value: 'theirs' },
      { op: 'set', key: 'blueprintVersion', value: 9 },
    ])
    assert.deepEqual(await adapter.reconcile(runId), new Set())
    await adapter.sendEvent(runId, 'whatever')
    await adapter.resumeWithAction(runId, 'in')
    assert.deepEqual(await seen(runId), { blueprintId: 'theirs', blueprintVersion: 9 })
  })
})
