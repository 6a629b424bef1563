/** What happens after a while, by the clock of the servers: on memory that clock can be moved. */
import { clearTimeout as clearTimer, setTimeout as setTimer } from 'node:timers'
import { Memory } from '../bridge/native.js'
import { memoryName } from '../options/memory.js'

/** Sets alarms. */
export interface Alarms {
  /** Rings after so many milliseconds, unless what it answers with is called before. `owner`: whose it is, one of several perhaps. */
  set(milliseconds: number, ring: () => void, owner?: object): () => void
  /** Milliseconds of the clock that alarms go by: only differences mean something. */
  now(): number
  /**
   * A moment as code of this process has it, by the clock of the servers where a test has moved that. Both in milliseconds
   * since 1970.
   */
  moment(own: number): number
}

/** By this machine's clock. */
const OWN: Alarms = {
  set(milliseconds, ring) {
    const timer = setTimeout(ring, milliseconds)
    return () => clearTimeout(timer)
  },
  now: () => performance.now(),
  // The engine does it: it has asked the servers for their time.
  moment: (own) => own,
}

/** A difference of clocks that nobody made by moving one, in milliseconds. */
const NEGLIGIBLE = 50

/** By the clock of a memory: whoever moves it says so. */
export class MemoryAlarms implements Alarms {
  readonly #memory: Memory
  readonly #waiting = new Set<{ due: number; ring: () => void; stop: () => boolean; owner: object | undefined }>()

  constructor(name: string) {
    this.#memory = new Memory(name)
  }

  set(milliseconds: number, ring: () => void, owner?: object): () => void {
    const stop = () => {
      clearTimer(timer)
      return this.#waiting.delete(alarm)
    }
    const alarm = { due: this.#memory.now() + milliseconds, ring: () => stop() && ring(), stop, owner }
    // The timer of the process, which no test replaces: the clock of a memory runs on by itself.
    const timer = setTimer(alarm.ring, milliseconds).unref()
    this.#waiting.add(alarm)
    return stop
  }

  now(): number {
    return this.#memory.now()
  }

  moment(own: number): number {
    const ahead = this.#memory.now() - Date.now()
    return Math.abs(ahead) < NEGLIGIBLE ? own : own + ahead
  }

  /** None of them rings. */
  clear(): void {
    for (const { stop } of this.#waiting) stop()
  }

  /** How many jobs one is set for. */
  get owners(): number {
    return new Set([...this.#waiting].map((alarm) => alarm.owner ?? alarm)).size
  }

  /** When the next one rings, in milliseconds since 1970; undefined where none is set. */
  next(): number | undefined {
    return this.#waiting.size === 0 ? undefined : Math.min(...[...this.#waiting].map(({ due }) => due))
  }

  /** The clock was moved: rings what is due, the earliest first. */
  moved(): void {
    const now = this.#memory.now()
    const due = [...this.#waiting].filter((alarm) => alarm.due <= now)
    for (const { ring } of due.sort((one, other) => one.due - other.due)) ring()
  }
}

/** By the names of their memories. */
const known = new Map<string, MemoryAlarms>()

/** The alarms of an adapter with this `pgClient`. */
export function alarmsOf(pgClient: unknown): Alarms {
  const name = memoryName(pgClient)
  return name === undefined ? OWN : memoryAlarms(name)
}

/** The alarms of a memory. */
export function memoryAlarms(name: string): MemoryAlarms {
  const alarms = known.get(name) ?? new MemoryAlarms(name)
  known.set(name, alarms)
  return alarms
}

/** Nobody names this memory again. */
export function forgetAlarms(name: string): void {
  known.get(name)?.clear()
  known.delete(name)
}
