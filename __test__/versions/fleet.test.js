// Workers of version 2.0.0 and of this version share a queue, as while a team rolls over: whoever does which node of a
// run, it ends as it does in memory, and no node is executed twice.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { differences, distributedOutcome } from '../differential/compare.js'
import { seedOf } from '../differential/dice.js'
import { generate } from '../differential/generate.js'
import { knownIn } from '../differential/known.js'
import { inMemory, startsOf } from '../differential/memory.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'
import { executedIn } from './support/generated.js'
import { skip } from './support/setting.js'
import { openVersions } from './support/versions.js'

const RUNS = 200
const SEED = Number(process.env.FLOWCRAFT_BESIDE_SEED ?? 1)

let versions
let cases
before(async () => {
  if (skip) return
  versions = await openVersions()
  cases = await certainCases()
})
after(() => versions?.close())

/** Whether a node waits for what another one sets meanwhile: 2.0.0 sees a run as it was when the node began. */
const readsLive = ({ blueprint, subs }) =>
  [blueprint, ...subs].some(({ nodes }) => nodes.some(({ params }) => params?.until))

/** Whether it has values that JSON does not hold: 2.0.0 has no serializer for them. */
const hasOdd = (one) => /\bodd\b/.test(JSON.stringify(one))

/** Generated flows that come to one and the same outcome in memory, each with its seed. */
async function certainCases() {
  const found = []
  for (let index = 0; found.length < RUNS; index++) {
    const seed = seedOf('versions', SEED, index)
    const one = generate(seed)
    if (readsLive(one) || hasOdd(one) || Object.keys(one.pauses).length > 0) continue
    const [memory, ...others] = await Promise.all([1, 2, 3, 4, 5, 6].map((order) => inMemory(one, order)))
    const certain = others.every((other) => differences(one, memory, other).length === 0)
    if (certain && knownIn(one, memory).length === 0 && !memory.status.startsWith('threw'))
      found.push({ seed, one, memory })
  }
  return found
}

class SharedFleet {
  #folder = mkdtempSync(join(tmpdir(), 'flowcraft-fleet-'))
  #file = join(this.#folder, 'executions')
  #workers = []

  static async open(t) {
    const fleet = new SharedFleet()
    fleet.servers = await openSharedServers()
    t.after(() => fleet.close())
    return fleet
  }

  async close() {
    await this.stop()
    await this.servers.close({ queues: [`${this.servers.queue}.dead`] })
    rmSync(this.#folder, { recursive: true, force: true })
  }

  settings(name) {
    const { queue, contextTable, statusTable, database } = this.servers
    return {
      name,
      file: this.#file,
      seeds: cases.map(({ seed }) => seed),
      redis: urls.redis,
      amqpConnection: urls.amqp,
      pgClient: database,
      contextTableName: contextTable,
      statusTableName: statusTable,
      queueName: queue,
      concurrency: 20,
      leaseSeconds: 2,
      stopTimeout: 10_000,
    }
  }

  async start(version, name) {
    const worker = version.worker(this.settings(name))
    this.#workers.push(worker)
    await worker.started()
    return worker
  }

  async stop() {
    await Promise.all(this.#workers.filter((worker) => !worker.end).map((worker) => worker.stop('SIGTERM')))
  }

  /** Begins a run of every case; answers with their ids. */
  async begin() {
    const runs = []
    for (const { one } of cases) {
      const flow = { toBlueprint: () => one.blueprint }
      runs.push(await this.servers.begin(flow, one.context, { starts: startsOf(one) }))
    }
    return runs
  }

  async ended(runs) {
    for (const run of runs) await this.servers.settled(run, undefined, 120_000)
  }

  /** How many nodes have been started by now. */
  started() {
    return Object.values(executedIn(this.#file).byWorker).reduce((sum, count) => sum + count, 0)
  }

  /** Every run came to what it comes to in memory, but for what is `excused`; nothing is left over. */
  async assertRight(runs, { excused = () => false } = {}) {
    const { recorder, byWorker } = executedIn(this.#file)
    const wrong = []
    for (const [index, run] of runs.entries()) {
      const { seed, one, memory } = cases[index]
      const { status, result } = await this.servers.look(run)
      const context = await versions.present.call(this.settings('client'), 'contextOf', run)
      const { executed, attempts } = recorder.of(run)
      // What listeners hear is each version's own.
      const outcome = distributedOutcome({ status, result, context }, { executed, attempts, heard: memory.heard })
      const found = differences(one, memory, outcome).filter((difference) => !excused(difference))
      if (found.length > 0) wrong.push(`${run}, seed ${seed}:\n  ${found.join('\n  ')}`)
      assert.deepEqual(await versions.old.call(this.settings('client'), 'contextOf', run), context)
    }
    assert.deepEqual(wrong, [], wrong.join('\n'))
    await until(async () => (await this.servers.waiting()) === 0, { what: 'the queue to be empty' })
    for (const version of [versions.old, versions.present]) {
      assert.deepEqual(await version.call(this.settings('client'), 'listDeadLetters'), [])
    }
    return byWorker
  }
}

describe('workers of both versions on one queue', { skip }, () => {
  for (const [tables, migrators] of [
    ['two tables', []],
    ['a journal made by 2.0.0', ['old']],
    ['a journal made by this version', ['present']],
    ['a journal made by 2.0.0 and taken over by this version', ['old', 'present']],
  ]) {
    it(`end ${RUNS} mixed runs as in memory, on ${tables}`, async (t) => {
      const fleet = await SharedFleet.open(t)
      for (const migrator of migrators) await versions[migrator].call(fleet.settings('client'), 'migrate')
      await Promise.all(
        [versions.old, versions.present].flatMap((version) => [
          fleet.start(version, version.name),
          fleet.start(version, version.name),
        ]),
      )
      const runs = await fleet.begin()
      await fleet.ended(runs)
      await fleet.stop()
      const done = await fleet.assertRight(runs)
      t.diagnostic(`nodes started: ${JSON.stringify(done)}`)
      const [least, most] = Object.values(done).sort((one, other) => one - other)
      assert.ok(least > most / 5, 'both worked')
    })
  }

  it('end their runs right though a worker of each is killed', async (t) => {
    const fleet = await SharedFleet.open(t)
    const both = [versions.old, versions.present]
    const doomed = await Promise.all(both.map((version) => fleet.start(version, `${version.name}, doomed`)))
    const beginning = fleet.begin()
    await until(() => fleet.started() > RUNS, { what: 'nodes to be executed' })
    await Promise.all(doomed.map((worker) => worker.stop('SIGKILL')))
    await Promise.all(both.map((version) => fleet.start(version, version.name)))
    const runs = await beginning
    await fleet.ended(runs)
    await fleet.stop()
    const again = (difference) => difference.startsWith('executed:')
    t.diagnostic(`nodes started: ${JSON.stringify(await fleet.assertRight(runs, { excused: again }))}`)
  })

  it('roll over and back while runs go on, and a migration begins in the middle', async (t) => {
    const fleet = await SharedFleet.open(t)
    const first = await fleet.start(versions.old, 'old')
    const beginning = fleet.begin()
    const second = await fleet.start(versions.present, 'present')
    await first.stop('SIGTERM')
    await versions.present.call(fleet.settings('client'), 'migrate')
    await fleet.start(versions.old, 'old again')
    await second.stop('SIGTERM')
    const runs = await beginning
    await fleet.ended(runs)
    await fleet.stop()
    t.diagnostic(`nodes started: ${JSON.stringify(await fleet.assertRight(runs))}`)
  })
})
