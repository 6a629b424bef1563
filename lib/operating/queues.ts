/** What waits in a worker's queues, looked at when metrics are asked for, and not more often than every few seconds. */
import { withinTime } from '../bridge/deadline.js'
import { fromJson } from '../bridge/json.js'
import type { QueueReading } from './readings.js'

/** How long one look is good for, in milliseconds. */
const FRESH = 5_000
/** How long RabbitMQ may take, in milliseconds: whoever scrapes waits no longer than some seconds. */
const PATIENCE = 2_000

/** Where it is asked. */
export interface DepthSource {
  /** JSON; null where there is no such queue. */
  depth(queue: string): Promise<string | null>
}

/** The queues of one worker. */
export class QueueReadings {
  readonly #source: DepthSource
  readonly #queues: readonly string[]
  #last: { at: number; readings: Promise<QueueReading[]> } | undefined
  /** When each was last seen empty, in milliseconds of the process's clock. */
  readonly #empty = new Map<string, number>()

  constructor(source: DepthSource, queues: readonly string[]) {
    this.#source = source
    this.#queues = queues
  }

  /** What waits; nothing of a queue that cannot be looked at now. */
  async read(youngest: Readonly<Record<string, number>>): Promise<QueueReading[]> {
    const now = performance.now()
    if (!this.#last || now - this.#last.at > FRESH) this.#last = { at: now, readings: this.#look() }
    const readings = await this.#last.readings
    return readings.map((reading) => ({ ...reading, ...this.#oldest(reading, youngest[reading.queue]) }))
  }

  async #look(): Promise<QueueReading[]> {
    const looks = this.#queues.map(async (queue): Promise<QueueReading[]> => {
      try {
        const depth = await withinTime(this.#source.depth(queue), PATIENCE, 'RabbitMQ does not answer')
        if (depth === null) return []
        const { messages, consumers } = fromJson(depth) as { messages: number; consumers: number }
        if (messages === 0) this.#empty.set(queue, performance.now())
        return [{ queue, messages, consumers }]
      } catch {
        // Whether RabbitMQ answers is the worker's health, not the queue's.
        return []
      }
    })
    return (await Promise.all(looks)).flat()
  }

  /**
   * A queue is worked from its oldest: what waits came after the last that was delivered, and after the queue was last
   * empty. So it is no older than either.
   */
  #oldest({ queue, messages }: QueueReading, youngest: number | undefined): { oldest?: number } {
    if (messages === 0) return { oldest: 0 }
    const empty = this.#empty.get(queue)
    const bounds = [youngest, empty === undefined ? undefined : performance.now() - empty]
    const known = bounds.filter((bound) => bound !== undefined)
    return known.length === 0 ? {} : { oldest: Math.min(...known) / 1_000 }
  }
}
