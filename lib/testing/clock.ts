/** The clock of a test environment. */
import { insideOf, type RabbitMqAdapter } from '../adapter.js'
import type { MemoryTables } from '../bridge/native.js'
import { mistake } from '../errors.js'
import { type Duration, milliseconds } from './duration.js'
import { now } from './real-time.js'
import { type Looked, settle } from './settling.js'

/** What the time is, and how it goes on. */
export interface TestClock {
  /**
   * What the clock shows. It runs on by itself, and is moved ahead by {@link advance}.
   *
   * @example
   * ```ts
   * const before = clock.now()
   * await clock.advance('1 day')
   * assert.ok(clock.now().getTime() - before.getTime() >= 24 * 3_600_000)
   * ```
   */
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

/** A schedule, and when somebody has to look at it. */
type Scheduled = ReturnType<Moved['memory']['scheduled']>[number]

export class MemoryTime implements TestClock {
  readonly #of: Moved
  /** Lost runs that nobody here can recover, as they were then. */
  readonly #hopeless = new Set<string>()
  /** Schedules that no worker here can advance, as they were then. */
  readonly #unadvanced = new Set<string>()

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
    if (this.#of.isOut('postgres')) return
    for (const adapter of this.#of.workers.adapters) await insideOf(adapter).removeOld()
  }

  async #moveTo(moment: number): Promise<void> {
    const { memory, alarms } = this.#of
    const ahead = moment - memory.now()
    if (ahead > 0) memory.elapse(ahead)
    alarms.moved()
    await settle(this.#of)
    if (await this.#recover()) await settle(this.#of)
    if (await this.#startScheduled()) await settle(this.#of)
  }

  /** The next moment at which something is due. */
  #nextDue(): number | undefined {
    const { memory, alarms } = this.#of
    const recovered = this.#lost().map(({ updatedAt }) => updatedAt + RECOVERED_AFTER)
    const scheduled = this.#scheduled().map(({ dueAt }) => dueAt)
    const moments = [memory.nextDue(), alarms.next(), ...recovered, ...scheduled].filter(
      (moment) => typeof moment === 'number',
    )
    return moments.length === 0 ? undefined : Math.min(...moments)
  }

  /** The runs that go on without a message, as a crash between two steps leaves them. */
  #lost(): { runId: string; updatedAt: number }[] {
    const { memory, tables } = this.#of
    if (this.#of.isOut() || this.#of.workers.executing.length > 0) return []
    return memory.lost(tables).filter((lost) => !this.#hopeless.has(keyOf(lost)))
  }

  /** The schedules that somebody has to look at, now or later. */
  #scheduled(): Scheduled[] {
    const { memory, tables } = this.#of
    if (this.#of.isOut('postgres')) return []
    return memory.scheduled(tables).filter((scheduled) => !this.#unadvanced.has(scheduleKey(scheduled)))
  }

  /** What workers start on their own, when it is due; whether anything was. */
  async #startScheduled(): Promise<boolean> {
    const { memory, tables, workers } = this.#of
    if (this.#of.isOut('postgres')) return false
    const due = () =>
      memory
        .scheduled(tables)
        .filter(({ dueAt }) => dueAt <= memory.now())
        .map(scheduleKey)
    const before = due()
    if (before.length === 0) return false
    for (const adapter of workers.adapters) await insideOf(adapter).lookAtSchedules()
    const left = new Set(due())
    for (const key of before) if (left.has(key)) this.#unadvanced.add(key)
    return before.some((key) => !left.has(key))
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

function scheduleKey({ scheduleId, dueAt }: Scheduled): string {
  return `${dueAt} ${scheduleId}`
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
