// A run whose client died between its insert and its publish: recovery starts it, if its row says what it is.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'

const ran = []
const note =
  (name) =>
  async ({ context }) => {
    ran.push(`${name} of ${await context.get('user')}`)
    return { output: name }
  }
const flow = createFlow('unnamed')
  .node('first', note('first'))
  .node('beside', note('beside'))
  .node('last', note('last'))
  .edge('first', 'last')
  .edge('beside', 'last')
const elsewhere = createFlow('elsewhere').node('first', note('elsewhere'))
/** Longer than a run is silent before it is looked at, and two looks. */
const LOOKED_AT = 9_000

let servers
before(async () => {
  servers = await openSharedServers()
  await servers.freshQueue()
  const queues = { elsewhere: `${servers.queue}_elsewhere` }
  servers.adapter([flow, elsewhere], { repairInterval: 500, queues, consume: [servers.queue] })
})
after(() => servers.close())

const insert = (context, options) => servers.begin(flow, context, { starts: [], ...options })

describe('a run that no message has named', { concurrency: true }, () => {
  it('is started by its row, and runs once', async () => {
    const runId = await insert({ blueprintId: 'unnamed', user: 'Ada' })
    const { status, context } = await servers.settled(runId)
    assert.deepEqual([status, context.user, context['_outputs.last']], ['completed', 'Ada', 'last'])
    // Its client was only slow.
    await servers.send({ runId, blueprintId: 'unnamed', nodeId: 'first' })
    await servers.run(flow)
    assert.deepEqual(ran.filter((name) => name.endsWith('Ada')).sort(), [
      'beside of Ada',
      'first of Ada',
      'last of Ada',
    ])
  })

  it("is started whatever version its row says: that is its user's", async () => {
    const runId = await insert({ blueprintId: 'unnamed', blueprintVersion: 'mine' })
    assert.equal((await servers.settled(runId)).context.blueprintVersion, 'mine')
  })

  for (const [title, context, options] of [
    ['and names no blueprint', {}],
    ['and names a blueprint that nobody has', { blueprintId: 'house-7' }],
    [
      'and names a blueprint whose jobs go through a queue that no worker here takes from',
      { blueprintId: 'elsewhere' },
    ],
    ['and has no status row: it may be meant for later', { blueprintId: 'unnamed' }, { status: false }],
  ]) {
    it(`${title}, is left alone`, async () => {
      const runId = await insert(context, options)
      await sleep(LOOKED_AT)
      const { context: left } = await servers.look(runId)
      assert.deepEqual(left, context)
    })
  }
})
