/** The clock of a test environment. */
import type { RabbitMqAdapter } from '../adapter.js'
import type { MemoryTables } from '../bridge/native.js'
import { mistake } from '../errors.js'
import { type Duration, milliseconds } from './duration.js'
import { now } from './real-time.js'
import { type Looked, settle } from './settling.js'

/** What the time is, and how it goes on. */
export interface TestClock {
  /** What the clock shows. It runs on by itself, and is moved ahead by {@link advance}. */
  now(): Date
  /**
   * Moves the clock ahead, from one due moment to the next: everything that falls due on the way is done in its order,
   * before the clock goes on. Resolves when nothing is left to do at its new time.
   *
   * @throws AssertionError when code of yours does not end; TypeError on real servers.
   *
   * @example
   * ```ts
   * await clock.advance('3 days')
   * ```
   */
  advance(by: Duration): Promise<void>
}

/** The clock of real servers: nobody moves it. */
export const REAL_CLOCK: TestClock = {
  now: () => new Date(),
  advance: async () => {
    const message =
      'clock.advance moves the clock of memory: that of real servers cannot be moved. Leave out the option servers, or skip this test there'
    throw mistake('INVALID_ARGUMENT', message)
  },
}

/** How long after a run was last changed recovery publishes its lost jobs again, in milliseconds. */
const RECOVERED_AFTER = 15_000

/** How much later than its time something may be due and has come all the same: each timer may be 100 ms late. */
const MARGIN = 1_000

/** What the clock of a memory moves. */
export interface Moved extends Looked {
  readonly tables: MemoryTables
}

export class MemoryTime implements TestClock {
  readonly #of: Moved
  /** Lost runs that nobody here can recover, as they were then. */
  readonly #hopeless = new Set<string>()

  constructor(of: Moved) {
    this.#of = of
  }

  now(): Date {
    return new Date(this.#of.memory.now())
  }

  async advance(by: Duration): Promise<void> {
    const { memory } = this.#of
    const target = memory.now() + milliseconds(by)
    const began = now()
    // The clock runs on while nodes are executed: what they start is due that much later.
    const reached = () => target + (now() - began) + MARGIN
    await settle(this.#of)
    for (let due = this.#nextDue(); due !== undefined && due <= reached(); due = this.#nextDue()) {
      await this.#moveTo(due)
    }
    await this.#moveTo(target)
  }

  async #moveTo(moment: number): Promise<void> {
    const { memory, alarms } = this.#of
    const ahead = moment - memory.now()
    if (ahead > 0) memory.elapse(ahead)
    alarms.moved()
    await settle(this.#of)
    if (await this.#recover()) await settle(this.#of)
  }

  /** The next moment at which something is due. */
  #nextDue(): number | undefined {
    const { memory, alarms } = this.#of
    const recovered = this.#lost().map(({ updatedAt }) => updatedAt + RECOVERED_AFTER)
    const moments = [memory.nextDue(), alarms.next(), ...recovered].filter((moment) => typeof moment === 'number')
    return moments.length === 0 ? undefined : Math.min(...moments)
  }

  /** The runs that go on without a message, as a crash between two steps leaves them. */
  #lost(): { runId: string; updatedAt: number }[] {
    const { memory, tables } = this.#of
    if (this.#of.isOut() || this.#of.workers.executing.length > 0) return []
    return memory.lost(tables).filter((lost) => !this.#hopeless.has(keyOf(lost)))
  }

  /** What recovery does on its own, when it is time; whether it did anything. */
  async #recover(): Promise<boolean> {
    const [adapter] = this.#of.workers.adapters
    const due = this.#lost().filter(({ updatedAt }) => updatedAt + RECOVERED_AFTER <= this.#of.memory.now())
    for (const lost of due) {
      const published = adapter ? await reconciled(adapter, lost.runId) : 0
      if (published === 0) this.#hopeless.add(keyOf(lost))
    }
    return due.length > 0
  }
}

function keyOf({ runId, updatedAt }: { runId: string; updatedAt: number }): string {
  return `${updatedAt} ${runId}`
}

/** How many jobs of a run were published again. */
async function reconciled(adapter: RabbitMqAdapter, runId: string): Promise<number> {
  try {
    return (await adapter.reconcile(runId)).size
  } catch {
    // No worker here can: it stays as it is, as it would without a test.
    return 0
  }
}
