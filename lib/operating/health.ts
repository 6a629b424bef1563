/** Whether a worker lives and takes jobs, as its engine knows it. Nothing is asked of a server for it. */
import { clearTimeout, setTimeout } from 'node:timers'
import { fromJson } from '../bridge/json.js'
import { errorOf, mistake } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { HealthReason } from '../options/event-bus.js'

/** How a worker is. */
export interface Health {
  /** Whether it helps to let the process go on. `false` says: only a new process helps. */
  live: boolean
  /** Whether it takes jobs. */
  ready: boolean
  /** Why it is not live, or not ready. */
  reasons: HealthReason[]
  /** What is wrong although it takes jobs: Redis is out of reach, and `withoutRedis` is `continue`. */
  warnings: HealthReason[]
}

/** How one waits for a worker. */
export interface ReadyOptions {
  /** How long at most, in milliseconds. Default: without end. */
  timeoutMs?: number
  /** Ends the wait: the promise rejects with its reason. */
  signal?: AbortSignal
}

const OF_READY: Names<ReadyOptions> = { timeoutMs: true, signal: true }

/** As the engine tells it. */
interface Told extends Omit<Health, 'reasons' | 'warnings'> {
  reasons: ToldReason[]
  warnings: ToldReason[]
}

interface ToldReason extends Omit<HealthReason, 'since'> {
  forMs: number
}

/** What it is asked of. */
export interface HealthSource {
  health(): string
}

/** How a worker is, as the engine tells it. */
export function readHealth(told: unknown): Health {
  const { live, ready, reasons, warnings } = told as Told
  const now = Date.now()
  const dated = ({ forMs, ...reason }: ToldReason) => ({ ...reason, since: new Date(now - forMs) })
  return { live, ready, reasons: reasons.map(dated), warnings: warnings.map(dated) }
}

/** Waits for a worker to take jobs. */
export class Readiness {
  readonly #source: HealthSource
  readonly #waiting = new Set<() => void>()

  constructor(source: HealthSource) {
    this.#source = source
  }

  get health(): Health {
    return readHealth(fromJson(this.#source.health()))
  }

  /** It takes jobs now, as the engine has told. */
  isReady(): void {
    for (const look of [...this.#waiting]) look()
  }

  /**
   * Resolves once it takes jobs.
   *
   * @throws FlowcraftAdapterError with the code `NOT_READY` when it does not within `timeoutMs`.
   */
  async wait(options: ReadyOptions = {}): Promise<Health> {
    const { timeoutMs, signal } = callOptions('adapter.ready', OF_READY, options)
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) {
      throw mistake('INVALID_ARGUMENT', 'timeoutMs is a number of milliseconds, 0 or more')
    }
    signal?.throwIfAborted()
    const present = this.health
    if (present.ready) return present
    return new Promise<Health>((resolve, reject) => {
      const end = (settle: () => void) => {
        this.#waiting.delete(look)
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
        settle()
      }
      const look = () => {
        const { health } = this
        if (health.ready) end(() => resolve(health))
      }
      const aborted = () => end(() => reject(signal?.reason))
      // Longer than a timer can be: without end.
      const limit = timeoutMs !== undefined && timeoutMs < 2 ** 31 ? timeoutMs : undefined
      const late = () => end(() => reject(notReady(timeoutMs ?? 0, this.health)))
      const timer = limit === undefined ? undefined : setTimeout(late, limit)
      signal?.addEventListener('abort', aborted)
      this.#waiting.add(look)
    })
  }
}

function notReady(timeoutMs: number, { reasons }: Health): Error {
  const why = reasons.map(({ code, message }) => `${code}: ${message}`).join('; ')
  return errorOf(`The worker does not take jobs after ${timeoutMs} ms. ${why}`, { code: 'NOT_READY', retryable: true })
}
