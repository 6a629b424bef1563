// Hundreds of runs on several worker processes, hit by every fault in turn and then by all of them at random: every run
// ends with the right output, and no result counts twice.
//
//   FLOWCRAFT_CHAOS_SECONDS=600   how long the faults strike at random (8)
//   FLOWCRAFT_CHAOS_SEED=…        the seed of an earlier run, which it printed
//   FLOWCRAFT_CHAOS_RUNS=50       runs begun for each fault in turn (16)
//   FLOWCRAFT_CHAOS_ONLY=broker   only the faults whose name has this in it
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openPrivateServers, until } from '../fixtures/private-servers.js'
import * as fault from './support/faults.js'
import { Fleet } from './support/fleet.js'
import { flowsFor, outcomes } from './support/flows.js'
import { Load } from './support/load.js'
import { randomFrom } from './support/random.js'
import { startSilentProxy } from './support/silent-proxy.js'

const seconds = Number(process.env.FLOWCRAFT_CHAOS_SECONDS ?? 8)
const seed = Number(process.env.FLOWCRAFT_CHAOS_SEED ?? Date.now() % 1_000_000)
const runsPerFault = Number(process.env.FLOWCRAFT_CHAOS_RUNS ?? 16)
const only = process.env.FLOWCRAFT_CHAOS_ONLY ?? ''

const random = randomFrom(seed)
const nodesOfARun = Object.values(outcomes.everything({ n: 0 }).nodes).reduce((sum, times) => sum + times, 0)

let servers
let proxy
let fleet
let load
let website

before(async () => {
  servers = await openPrivateServers()
  proxy = await startSilentProxy(servers.urls.database)
  website = createServer().listen(0, '127.0.0.1')
  await once(website, 'listening')
  const webhook = { baseUrl: `http://127.0.0.1:${website.address().port}/hooks`, secret: 'a secret of the website' }
  fleet = new Fleet(servers, { size: 3, pgClient: proxy.url, statementTimeout: 1000, subflows: 'jobs', webhook })
  await fleet.start()
  const adapter = servers.adapter(flowsFor(servers.executions), { started: false, webhook })
  website.on('request', adapter.webhookHandler())
  load = new Load(servers, adapter)
})
after(async () => {
  await load?.stop()
  website?.close()
  await fleet?.stop()
  proxy?.close()
  await servers?.close()
})

const victim = () => random.oneOf(fleet.workers)

/** The queue goes with messages in it. Not while a run is new: one no worker has heard of is in its message only. */
async function loseTheQueue() {
  for (let lost = 0; lost === 0; ) {
    await Promise.all(Array.from({ length: 20 }, () => load.begin()))
    lost = await load.whileAllAreKnown(() => fault.rabbitmq.queueDeleted(servers))
  }
}

/** Somebody looks at half of the runs that are under way, and takes his time. */
async function lockRows(table) {
  const some = load.underWay().filter(() => random.between(0, 2) < 1)
  // A server that another fault took away ends it.
  await fault.postgres.rowsLocked(servers, table, some).catch(() => {})
}

/** By whom they strike. `again`: a node may be executed again, since its worker died or froze; by no other fault. */
const FAULTS = {
  none: { 'no fault': { strike: () => sleep(200) } },
  worker: {
    'worker killed': { strike: () => fault.worker.killed(victim()), again: true },
    'worker frozen': { strike: () => fault.worker.frozen(victim()), again: true },
  },
  broker: {
    'broker closes connections': { strike: () => fault.rabbitmq.connectionsClosed(servers) },
    'broker closes channels': { strike: () => fault.rabbitmq.channelsClosed(servers) },
    'broker restarted': { strike: () => fault.rabbitmq.restarted(servers) },
    'broker crashed': { strike: () => fault.rabbitmq.crashed(servers) },
    'broker short of memory': { strike: () => fault.rabbitmq.memoryAlarm(servers) },
    'broker loses the queue': { strike: loseTheQueue },
  },
  database: {
    'database ends connections': { strike: () => fault.postgres.backendsTerminated(servers) },
    'database restarted': { strike: () => fault.postgres.restarted(servers) },
    'database crashed': { strike: () => fault.postgres.crashed(servers) },
    'database connections frozen': { strike: () => fault.postgres.frozen(proxy) },
    'database connections silent': { strike: () => fault.postgres.silent(proxy) },
    'database rows locked': { strike: () => lockRows('contexts') },
    'database status rows locked': { strike: () => lockRows('statuses') },
    'database out of connections': { strike: () => fault.postgres.outOfConnections(servers) },
  },
  redis: {
    'redis flushed': { strike: () => fault.redis.flushed(servers) },
    'redis restarted empty': { strike: () => fault.redis.restarted(servers) },
    'redis out of reach': { strike: () => fault.redis.away(servers) },
  },
}

/** How long after the fault the first run is completed, and the last of those it found under way. */
function recovery(runs, over) {
  const done = runs.map((run) => load.runs.get(run))
  const late = done.filter((run) => run.done > over).map((run) => run.done - over)
  const underWay = done.filter((run) => run.begun < over && run.done > over).map((run) => run.done - over)
  return { first: Math.min(...late), all: Math.max(0, ...underWay) }
}

function figures(name, runs) {
  const executions = servers.executions.all(runs).length
  const extra = executions - runs.length * nodesOfARun
  const perNode = (executions / (runs.length * nodesOfARun)).toFixed(3)
  return { extra, line: `${name}: ${runs.length} runs, ${perNode} executions a node, ${extra} extra` }
}

/** Strikes while runs are begun at a steady pace, and after it until there are enough. Answers with when it was over. */
async function underLoad(strike, enough) {
  let over = Infinity
  const feeding = load.feed((begun) => begun < enough || Date.now() < over)
  try {
    const moment = await strike()
    over = typeof moment === 'number' ? moment : Date.now()
  } finally {
    over = Math.min(over, Date.now())
    await feeding
  }
  return over
}

const inSeconds = (ms) => `${(ms / 1000).toFixed(2)} s`

describe('every run ends right, and no result counts twice', () => {
  for (const [name, { strike, again = false }] of Object.entries(Object.assign({}, ...Object.values(FAULTS)))) {
    if (!name.includes(only)) continue
    it(`one fault: ${name}`, async (t) => {
      const already = load.runs.size
      const mine = () => [...load.runs].slice(already)
      const over = await underLoad(async () => {
        await until(() => mine().some(([, { done }]) => done), { what: 'the first run to complete' })
        await sleep(random.between(50, 300))
        return strike()
      }, runsPerFault)
      const runs = mine().map(([run]) => run)
      await load.done(runs)
      await load.verify(runs)
      const { extra, line } = figures(name, runs)
      const { first, all } = recovery(runs, over)
      t.diagnostic(`${line}; a run completes ${inSeconds(first)} after it, all that were under way ${inSeconds(all)}`)
      if (!again) assert.equal(extra, 0, 'a node was executed again although no worker died or froze')
    })
  }

  it(`all at random, seed ${seed}`, { skip: only !== '' && 'only some faults' }, async (t) => {
    const end = Date.now() + seconds * 1000
    const struck = {}
    const by = async (faults) => {
      for (;;) {
        await sleep(random.between(200, 2500))
        if (Date.now() > end) return
        const name = random.oneOf(Object.keys(faults))
        struck[name] = (struck[name] ?? 0) + 1
        await faults[name].strike()
      }
    }
    const { none, ...all } = FAULTS
    const already = load.runs.size
    const over = await underLoad(() => Promise.all(Object.values(all).map(by)), 0)
    const runs = [...load.runs.keys()].slice(already)
    await load.done(runs)
    await load.verify(runs)
    const { all: recovered } = recovery(runs, over)
    t.diagnostic(`${figures('at random', runs).line}; all completed ${inSeconds(recovered)} after the last fault`)
    const counts = Object.entries(struck).map(([name, times]) => `${name} ${times}`)
    t.diagnostic(`seed ${seed}, ${seconds} s: ${counts.join(', ')}`)
  })

  it('leaves nothing behind in the queues', async (t) => {
    const runs = [...load.runs.keys()]
    t.diagnostic(`${figures('in all', runs).line}; seed ${seed}`)
    const empty = ({ ready, held }) => ready === 0 && held === 0
    await until(async () => empty(await servers.messages()), { what: 'the queue to be empty' })
    const dead = await servers.messages(`${servers.queue}.dead`)
    assert.ok(dead.ready === undefined || dead.ready === 0, `${dead.ready} dead letters`)
  })
})
