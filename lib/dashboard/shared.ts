/** Answers that many viewers share: however many look, a server is asked once in a while. */

/** Of an answer for which tables are read whole: however many look, a server is busy with it for a twentieth of the time. */
export const WHOLE_TABLES = 20

interface Kept {
  readonly answer: Promise<unknown>
  /** When it is asked again, by the clock of this process. */
  until: number
}

export class Shared {
  readonly #kept = new Map<string, Kept>()

  /**
   * The answer of the last while, or a new one.
   *
   * @param atLeast How long it is kept, in milliseconds; one that took long is kept so many `times` as long as it took.
   */
  get<T>(name: string, atLeast: number, ask: () => Promise<T>, times = 10): Promise<T> {
    const known = this.#kept.get(name)
    if (known && performance.now() < known.until) return known.answer as Promise<T>
    const begun = performance.now()
    const kept: Kept = { answer: ask(), until: Number.POSITIVE_INFINITY }
    this.#kept.set(name, kept)
    kept.answer.then(
      () => {
        const now = performance.now()
        kept.until = now + Math.max(atLeast, times * (now - begun))
      },
      () => {
        kept.until = performance.now() + Math.min(atLeast, 1_000)
      },
    )
    return kept.answer as Promise<T>
  }

  /** An action has changed what the answers say. */
  forget(): void {
    this.#kept.clear()
  }
}
