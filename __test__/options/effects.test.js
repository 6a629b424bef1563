// An option that is given reaches what it is about.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { Redis } from 'ioredis'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

describe('an option', () => {
  it('concurrency: so many nodes run at a time, and no more', async () => {
    const wide = createFlow('wide')
    let [running, most] = [0, 0]
    for (const id of 'abcdefgh') {
      wide.node(id, async () => {
        running += 1
        most = Math.max(most, running)
        await sleep(30)
        running -= 1
        return { output: id }
      })
    }
    assert.equal((await servers.runAlone(wide, { concurrency: 3 })).status, 'completed')
    assert.equal(most, 3)
  })

  it('leaseSeconds: a running node holds its lease for so long', async () => {
    const redis = new Redis(urls.redis)
    let [runId, left] = ['', 0]
    const held = createFlow('held').node('a', async () => {
      left = await until(async () => {
        const milliseconds = await redis.pttl(`flowcraft:nodelock:${runId}:a`)
        return milliseconds > 0 && milliseconds
      })
      return { output: 1 }
    })
    await servers.freshQueue()
    runId = servers.runId()
    const adapter = servers.adapter(held, { leaseSeconds: 7 })
    await servers.begin(held, {}, { runId })
    await servers.settled(runId)
    assert.ok(left > 4_000 && left <= 7_000, `${left} ms`)
    await adapter.stop()
    redis.disconnect()
  })

  it('stopTimeout: stop waits no longer than that', async () => {
    let begun = false
    const endless = createFlow('endless').node('a', async () => {
      begun = true
      await sleep(3_000)
      return { output: 1 }
    })
    await servers.freshQueue()
    const adapter = servers.adapter(endless, { stopTimeout: 200 })
    await servers.begin(endless)
    await until(() => begun)
    const before = performance.now()
    await adapter.stop()
    const took = performance.now() - before
    assert.ok(took >= 190 && took < 2_500, `${took} ms`)
  })

  it('blueprintTimeout: a job that no worker has a blueprint for fails its run after that', async () => {
    const known = createFlow('known').node('a', async () => ({ output: 1 }))
    const unknown = createFlow('unknown').node('a', async () => ({ output: 1 }))
    await servers.freshQueue()
    const adapter = servers.adapter(known, { blueprintTimeout: 0 })
    const runId = await servers.begin(unknown)
    const { status, result } = await servers.settled(runId)
    assert.equal(status, 'failed')
    assert.match(result.reason, /unknown/)
    await adapter.stop()
  })

  it('retention: a run that has been over for long enough is removed', async () => {
    const short = createFlow('short').node('a', async () => ({ output: 1 }))
    await servers.freshQueue()
    const runId = await servers.begin(short)
    const adapter = servers.adapter(short, { retention: { completed: 0 } })
    await until(async () => (await servers.rowsOf(runId)).contexts === 0)
    assert.deepEqual(await servers.rowsOf(runId), { contexts: 0, statuses: 0 })
    await adapter.stop()
  })

  it('retryMaxDelay: no attempt through the queue waits longer', async () => {
    const moments = []
    const failing = createFlow('failing').node(
      'a',
      async () => {
        moments.push(performance.now())
        if (moments.length < 3) throw new Error('not yet')
        return { output: 1 }
      },
      { config: { maxRetries: 3, retryDelay: 20_000 } },
    )
    const { status } = await servers.runAlone(failing, { retryMode: 'queue', retryMaxDelay: 50 })
    assert.equal(status, 'completed')
    assert.ok(moments[2] - moments[0] < 15_000)
  })
})
