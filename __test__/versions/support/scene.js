// One run in the hands of two versions: tables and a queue of its own, the one side that begins it, and the other that
// ends it.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Executions } from '../../fixtures/executions.js'
import { openSharedServers, until, urls } from '../../fixtures/shared-servers.js'
import { startOf } from './flows.js'
import { Gates } from './gates.js'

export const LEASE_SECONDS = 2
const WEBHOOK = { baseUrl: 'https://example.com/hooks', secret: 'a secret of the whole fleet' }

export class Scene {
  #folder = mkdtempSync(join(tmpdir(), 'flowcraft-versions-'))
  #file = join(this.#folder, 'executions')

  executions = new Executions(this.#file)
  gates = new Gates(this.#file)

  /** `journal` has the tables migrated by the version that begins. */
  static async open(t, { from, to, journal }) {
    const scene = new Scene()
    scene.servers = await openSharedServers()
    scene.first = new Side(scene, from, 'first')
    scene.second = new Side(scene, to, 'second')
    t.after(() => scene.close())
    if (journal) await scene.first.call('migrate')
    return scene
  }

  async close() {
    await Promise.all([this.first.stop('SIGKILL'), this.second.stop('SIGKILL')])
    await this.servers.close({ queues: [`${this.servers.queue}.dead`] })
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** What both sides' adapters are given. */
  settings(name, options) {
    const { queue, contextTable, statusTable, database } = this.servers
    return {
      name,
      file: this.#file,
      redis: urls.redis,
      amqpConnection: urls.amqp,
      pgClient: database,
      contextTableName: contextTable,
      statusTableName: statusTable,
      queueName: queue,
      leaseSeconds: LEASE_SECONDS,
      stopTimeout: 10_000,
      retryMode: 'queue',
      webhook: WEBHOOK,
      // As the README says where one version is to go on with what the other began.
      subflows: 'whole',
      ...options,
    }
  }

  /** Begins a run as any client does; some gates are shut for it, and a run without `message` has its rows alone. */
  async begin(flow, { shut = [], message = true } = {}) {
    const runId = this.servers.runId()
    for (const step of shut) this.gates.shut(runId, step)
    const starts = message ? [startOf(flow)] : []
    await this.servers.begin(
      { toBlueprint: () => ({ id: flow, nodes: [], edges: [] }) },
      { run: runId },
      { runId, starts },
    )
    return runId
  }

  /** Waits until a node is being executed, for so many times. */
  executing(run, node, times = 1) {
    return until(() => this.executions.perNode(run)[node] === times, { what: `'${node}' to be executed` })
  }

  awaiting(run) {
    return this.servers.settled(run, ['awaiting'])
  }

  /** The final results that overridden `publishFinalResult`s were given. */
  published(run) {
    const file = `${this.#file}.results`
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
    return lines.map((line) => JSON.parse(line)).filter((each) => each.run === run)
  }

  /** The run ends completed, with this output of its last node, and each node executed by who is named. */
  async completes(run, { end, output, by }) {
    const { status, result } = await this.servers.settled(run)
    assert.equal(status, 'completed', result?.reason)
    assert.deepEqual(result.payload.context[`_outputs.${end}`], output)
    this.executedBy(run, by)
    await this.isOver(run)
  }

  /** Each node was executed as often as it names workers, and by those. */
  executedBy(run, by) {
    const seen = {}
    for (const { node, worker } of this.executions.all([run])) seen[node] = [...(seen[node] ?? []), worker]
    const expected = Object.fromEntries(Object.entries(by).map(([node, workers]) => [node, [workers].flat()]))
    assert.deepEqual(seen, expected)
  }

  /** Both versions read the same of it, and neither finds anything left to do. */
  async isOver(run) {
    const [here, there] = await Promise.all([this.first.call('contextOf', run), this.second.call('contextOf', run)])
    assert.deepEqual(here, there)
    for (const side of [this.first, this.second]) {
      assert.deepEqual(await side.call('reconcile', run), [])
      assert.deepEqual(await side.call('listDeadLetters'), [])
    }
    await until(async () => (await this.servers.waiting()) === 0, { what: 'the queue to be empty' })
  }
}

/** One of the two: a worker at most, and a client. */
class Side {
  #scene
  #version
  #name
  #worker

  constructor(scene, version, name) {
    this.#scene = scene
    this.#version = version
    this.#name = name
  }

  async start(options) {
    this.#worker = this.#version.worker(this.#scene.settings(this.#name, options))
    await this.#worker.started()
  }

  /** Stops the worker; `open` is a gate, `[run, step]`, that lets go what it is busy with, once it is stopping. */
  async stop(signal = 'SIGTERM', { open } = {}) {
    const worker = this.#worker
    if (!worker) return
    worker.signal(signal)
    if (open) {
      await until(() => worker.end || worker.stdout.includes('stopping\n'), { what: `${worker.name} to stop` })
      this.#scene.gates.open(...open)
    }
    await worker.ended(20_000)
    this.#worker = undefined
    if (signal === 'SIGTERM') assert.ok(worker.stdout.includes('stopped\n'), worker.printed)
  }

  /** Calls a method of an adapter that is not started. */
  call(method, ...args) {
    return this.#version.call(this.#scene.settings(this.#name), method, ...args)
  }
}
