// Two busy keys that share the places of one worker: neither holds the other up.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openSharedServers } from '../fixtures/shared-servers.js'
import { limited, timing } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** The keys in the order in which their jobs were executed. */
const inOrder = (spans) => [...spans].sort((one, other) => one.from - other.from).map(({ key }) => key)

/** Which part of a key's jobs had been executed when the last one of the other was. */
function doneBeside(order, key) {
  const upTo = order.findLastIndex((each) => each !== key)
  const own = order.filter((each) => each === key)
  return order.slice(0, upTo).filter((each) => each === key).length / own.length
}

/** Executes many jobs of two keys, with eight places for all; how they were executed. */
async function twoKeys(t, jobs, options) {
  const name = `${servers.name}-${t.name.length}`
  const { work, spans } = timing(20, async ({ context }) => ({ key: await context.get('key') }))
  const flow = limited('calls', `${name}:\${key}`, work)
  await servers.freshQueue()
  const runs = []
  for (const key of jobs) runs.push(await servers.begin(flow, { key }))
  const adapter = servers.adapter(flow, { limits: { [name]: options }, concurrency: 8 })
  t.after(() => adapter.stop())
  for (const run of runs) assert.equal((await servers.settled(run, undefined, 120_000)).status, 'completed')
  return spans
}

const many = (key, count) => Array(count).fill(key)

describe('two busy keys', () => {
  it('go on side by side, though all jobs of one came first', async (t) => {
    const order = inOrder(await twoKeys(t, [...many('a', 40), ...many('b', 40)], { concurrency: 2 }))
    const [a, b] = [doneBeside(order, 'a'), doneBeside(order, 'b')]
    t.diagnostic(`when the other key was done, ${Math.round(Math.min(a, b) * 100)} % of the slower one was`)
    // Were one of them held up by the other, none of it would have been executed by then.
    assert.ok(Math.min(a, b) > 0.25, `${a} ${b}`)
  })

  it('with ten times the jobs holds up none of the other', async (t) => {
    const order = inOrder(await twoKeys(t, [...many('a', 100), ...many('b', 10)], { concurrency: 2 }))
    const last = order.lastIndexOf('b') / (order.length - 1)
    t.diagnostic(`the last of ten is executed at ${last.toFixed(2)} of the way`)
    // Behind all jobs of the other key it would be the last of all.
    assert.ok(last < 0.75, `${last}`)
  })
})
