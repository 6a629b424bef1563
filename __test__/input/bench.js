// A worker under bad input, and the runs that must not notice: one ends before the bad thing comes, one is under way
// while it comes, one begins after it. What the worker refuses is read from its dead letters.
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { openWorld, until } from '../support/world.js'

/** Opens a world with one worker for `flows`; an adapter's options may follow. */
export async function openBench(flows, options) {
  const bench = new Bench(await openWorld())
  await bench.open([flows].flat(), options)
  return bench
}

export class Bench {
  /** Letters read so far; the queue is emptied into here. */
  letters = []
  #gates = new Map()

  constructor(world) {
    this.world = world
    this.healthy = createFlow('healthy')
      .node('first', () => ({ output: 1 }))
      .node('held', async ({ context, input }) => {
        await this.#gates.get(await context.get('gate'))?.promise
        return { output: input + 1 }
      })
      .node('last', ({ input }) => ({ output: input + 1 }))
      .edge('first', 'held')
      .edge('held', 'last')
  }

  async open(flows, options) {
    await this.world.channel.assertQueue(this.deadQueue, { durable: true })
    this.adapter = this.world.adapter([this.healthy, ...flows], options)
  }

  async close() {
    await this.world.close({ queues: [this.deadQueue] })
  }

  get deadQueue() {
    return `${this.world.queue}.dead`
  }

  /** Does something bad among healthy runs: before, during and after it, each ends as it should. */
  async amongHealthyRuns(act) {
    const { world } = this
    const sound = async (runId) => {
      const { status, context } = await world.settled(runId)
      assert.deepEqual([status, context['_outputs.last']], ['completed', 3], `healthy run ${runId}`)
    }
    await sound(await world.begin(this.healthy))
    const gate = deferred()
    const name = world.runId()
    this.#gates.set(name, gate)
    const during = await world.begin(this.healthy, { gate: name })
    await until(async () => '_outputs.first' in (await world.look(during)).context)
    try {
      return await act()
    } finally {
      gate.resolve()
      await sound(during)
      await sound(await world.begin(this.healthy))
    }
  }

  /** Waits for the dead letter that `matches`, a text in its body or a predicate, and checks its headers. */
  async letter(matches, reason, timeout = 10_000) {
    const fits = typeof matches === 'function' ? matches : (letter) => letter.body.includes(matches)
    const letter = await until(
      async () => {
        await this.#readLetters()
        return this.letters.find(fits)
      },
      { timeout, what: `the dead letter ${matches}` },
    )
    if (reason) assert.match(letter.reason, reason)
    assert.ok(Buffer.byteLength(letter.reason) < 20_000, 'a reason is a sentence, however long what it speaks of is')

    assert.ok(Math.abs(Date.parse(letter.time) - Date.now()) < 60_000, `x-flowcraft-time is '${letter.time}'`)
    assert.match(letter.worker, new RegExp(`:${process.pid}:`))
    return letter
  }

  /** The dead letters of a run that have come by now. */
  async lettersOf(runId) {
    await this.#readLetters()
    return this.letters.filter((letter) => letter.body.includes(JSON.stringify(runId)))
  }

  async #readLetters() {
    for (;;) {
      const message = await this.world.channel.get(this.deadQueue, { noAck: true })
      if (!message) return
      const { headers } = message.properties
      this.letters.push({
        content: message.content,
        body: message.content.toString(),
        reason: headers['x-flowcraft-reason'],
        time: headers['x-flowcraft-time'],
        worker: headers['x-flowcraft-worker'],
      })
    }
  }
}

function deferred() {
  const deferred = {}
  deferred.promise = new Promise((resolve) => {
    deferred.resolve = resolve
  })
  return deferred
}
