// A run that is followed: each state that lasts is seen, once, in its order, and the last one always.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { asking, clientFor, failing, scene, single } from './support/clients.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A node in a word, if it is done, or was resumed and is not. */
const nodeInShort = ({ nodeId, state, resumedAt }) => {
  if (state === 'done') return [nodeId]
  return resumedAt ? [`${nodeId} (resumed)`] : []
}

/** A state in a word: the status, and the nodes that are done or resumed. */
const inShort = ({ status, nodes }) => `${status}: ${nodes.flatMap(nodeInShort).join(' ')}`

describe('watch', () => {
  it('says how the run stands, then what changes, until it is over', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const { runId } = await starting.start('asking')
    const seen = []
    for await (const state of client.run(runId).watch()) {
      seen.push(inShort(state))
      if (state.status === 'awaiting') await client.run(runId).resume({ action: 'yes' })
    }
    assert.equal(new Set(seen).size, seen.length, seen)
    assert.ok(seen.includes('awaiting: ask'), seen)
    assert.match(seen.at(-1), /^completed: /)
  })

  it('tells everyone who watches the same end', async (t) => {
    const { starting, client } = await scene(t, servers, single)
    const { runId } = await starting.start('single', { startAt: Date.now() + 1_000 })
    const last = async () => {
      let state
      for await (state of client.run(runId).watch());
      return state
    }
    const ends = await Promise.all(Array.from({ length: 20 }, last))
    assert.ok(ends.every(({ status }) => status === 'completed'))
  })

  it('sees a node that takes long once, though its worker says that it lives', async (t) => {
    const long = createFlow('long').node('works', async () => {
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      return { output: 1 }
    })
    await servers.workerFor(t, long, { leaseSeconds: 1 })
    const { runId } = await clientFor(t, servers, long).start('long')
    const seen = []
    for await (const state of clientFor(t, servers).run(runId).watch()) seen.push(inShort(state))
    assert.deepEqual(seen, ['running: ', 'completed: works'])
  })

  it('begins with the end of a run that is over, and says why it failed', async (t) => {
    const { starting, client } = await scene(t, servers, failing)
    const { runId } = await starting.start('failing')
    await client
      .run(runId)
      .result()
      .catch(() => {})
    const seen = []
    for await (const { status, reason } of client.run(runId).watch()) seen.push([status, /card declined/.test(reason)])
    assert.deepEqual(seen, [['failed', true]])
  })

  it('ends with the caller’s own reason, or quietly where the loop is left', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const { runId } = await starting.start('asking')
    const reason = new Error('the page was closed')
    const watching = client.run(runId).watch({ signal: AbortSignal.abort(reason) })
    await assert.rejects(watching.next(), reason)
    const controller = new AbortController()
    const follow = async () => {
      for await (const { status } of client.run(runId).watch({ signal: controller.signal }))
        if (status === 'awaiting') controller.abort(reason)
    }
    await assert.rejects(follow(), reason)
    for await (const _ of client.run(runId).watch()) break
    await client.run(runId).cancel()
  })

  it('of a run that is not there, or is deleted meanwhile, is an error', async (t) => {
    const { starting, client } = await scene(t, servers, asking)
    const id = '00000000-0000-7000-8000-000000000000'
    await assert.rejects(client.run(id).watch().next(), { code: 'RUN_NOT_FOUND' })
    const { runId } = await starting.start('asking')
    await servers.settled(runId, ['awaiting'])
    const watching = client.run(runId).watch()
    await watching.next()
    await client.run(runId).cancel()
    await client.run(runId).delete()
    const rest = (async () => {
      for await (const _ of watching);
    })()
    await assert.rejects(rest, { code: 'RUN_NOT_FOUND' })
  })
})
