// Runs begun at a steady pace while a fleet is hit by faults: begins them, resumes those that wait and delivers
// their webhooks, notes when each is done, and tells in the end whether each came out right.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { counted } from '../../fixtures/executions.js'
import { outcomes } from './flows.js'
import { assertOnlyCountedWrites } from './live-writes.js'

const PACE = 40

export class Load {
  #servers
  #resumer
  #resuming = new Set()
  #delivered = new Set()
  #open = new Set()
  #begun = 0
  #beginning = 0
  #gate = Promise.resolve()
  #watching
  #over = false

  /** The runs begun, each with `n`, and `done`: when it was seen to be completed. */
  runs = new Map()

  /** `resumer` is an adapter, as the website of a user has one. */
  constructor(servers, resumer) {
    this.#servers = servers
    this.#resumer = resumer
    this.#watching = this.#watch()
  }

  async begin() {
    await this.#gate
    this.#beginning += 1
    this.#begun += 1
    const n = this.#begun
    try {
      const run = await this.#servers.begin('everything', { n })
      this.runs.set(run, { n, begun: Date.now(), done: undefined })
      this.#open.add(run)
      return run
    } finally {
      this.#beginning -= 1
    }
  }

  /** The runs that have not ended, as far as anybody saw. */
  underWay() {
    return [...this.#open]
  }

  /** Begins runs, one after the other, for as long as `wanted` says of how many there are. */
  async feed(wanted) {
    for (let begun = 0; wanted(begun); begun += 1) {
      await this.begin()
      await sleep(PACE)
    }
  }

  /** Does something while no run begins and every run is known to the fleet: the record has all that is in a message. */
  async whileAllAreKnown(act) {
    const previous = this.#gate
    let open
    this.#gate = new Promise((resolve) => {
      open = resolve
    })
    await previous
    try {
      for (const deadline = Date.now() + 30_000; this.#beginning > 0 || (await this.#unknown()) > 0; await sleep(20)) {
        assert.ok(Date.now() < deadline, 'some run was never taken up')
      }
      return await act()
    } finally {
      open()
    }
  }

  async #unknown() {
    const [{ unknown }] = await this.#servers.sql(
      `SELECT count(*)::int AS unknown FROM contexts WHERE run_id = ANY ($1) AND NOT context_data ? '_flowcraft'`,
      [[...this.#open]],
    )
    return unknown
  }

  async done(runs, timeout = 90_000) {
    for (const deadline = Date.now() + timeout; runs.some((run) => this.#open.has(run)); await sleep(20)) {
      if (Date.now() > deadline) {
        const left = runs.filter((run) => this.#open.has(run))
        const { status, context } = await this.#servers.look(left[0])
        const ledger = JSON.stringify(context._flowcraft ?? context)
        throw new Error(`${left.length} of ${runs.length} runs have not ended; ${left[0]} is ${status}: ${ledger}`)
      }
    }
  }

  /**
   * Every one of these runs has the right output, and every node's result is in it just as often as it should be; and of what
   * nodes wrote while they ran, what the executions wrote that count.
   */
  async verify(runs) {
    for (const run of runs) {
      const { status, context } = await this.#servers.look(run)
      const { output, nodes } = outcomes.everything(this.runs.get(run))
      assert.equal(status, 'completed', run)
      assert.deepEqual(context['_outputs.end'], output, run)
      assert.deepEqual(counted(context), nodes, run)
      assertOnlyCountedWrites(context, run)
    }
  }

  async stop() {
    this.#over = true
    await this.#watching
  }

  async #watch() {
    while (!this.#over) {
      await sleep(30)
      const rows = await this.#servers.sql(
        `SELECT run_id, status, context_data->'_awaitingNodeIds' ? 'approval' AS waits,
                context_data->'_awaitingNodeIds' ? 'nested' AS hooks
         FROM contexts JOIN statuses USING (run_id) WHERE run_id = ANY ($1)`,
        [[...this.#open]],
      )
      const now = Date.now()
      for (const { run_id: run, status, waits, hooks } of rows) {
        if (waits && !this.#resuming.has(run)) this.#resume(run)
        if (hooks && !this.#delivered.has(run)) this.#deliver(run)
        if (status === 'running' || status === 'awaiting') continue
        this.runs.get(run).done = now
        this.#open.delete(run)
      }
    }
  }

  /** As a provider would: sends again until it is answered that the delivery was taken, or that the run is over. */
  #deliver(run) {
    this.#delivered.add(run)
    const body = JSON.stringify({ delivered: this.runs.get(run).n })
    const headers = { 'content-type': 'application/json' }
    return this.#insist(async () => {
      const { url } = await this.#resumer.registerWebhookEndpoint(run, 'in-hook')
      const { status } = await fetch(url, { method: 'POST', headers, body })
      return status === 202 || status === 409
    })
  }

  /** As a person would: presses the button until it worked. */
  #resume(run) {
    this.#resuming.add(run)
    const of = this.runs.get(run).n
    return this.#insist(() =>
      this.#resumer.resumeWithAction(run, 'approved', { of }, 'approval').then(
        () => true,
        (error) => /does not wait|is over/.test(error.message),
      ),
    )
  }

  /** Acts until that has worked: servers may be out of reach. */
  async #insist(act) {
    while (!this.#over && !(await act().catch(() => false))) await sleep(50)
  }
}
