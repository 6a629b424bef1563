/** What was read of contexts, shared by all who look: what has not changed since is not read again, and one reads at a time. */

interface Kept {
  readonly revision: string | undefined
  readonly answer: Promise<unknown>
  /** What is read later is newer than what anybody knows now. */
  hasBegun: boolean
  isOver: boolean
  /** In characters, about; 0 while it is not known. */
  weight: number
}

interface Read<T> {
  readonly answer: T
  readonly weight: number
}

/** So much is kept, in characters. */
const MOST = 16_000_000
/** What is larger is shared only while it is being read. */
const LARGEST = MOST / 4

export class Readings {
  readonly #kept = new Map<string, Kept>()
  #weight = 0

  /**
   * The answer of before, where the run is as it was then, or a new one, once the one under way is over.
   *
   * @param revision How the run stands; undefined where that cannot be told.
   */
  get<T>(name: string, revision: string | undefined, read: () => Promise<Read<T>>): Promise<T> {
    const known = this.#kept.get(name)
    if (known && (!known.hasBegun || (revision !== undefined && known.revision === revision))) {
      // The one that was asked for last goes last.
      this.#kept.delete(name)
      this.#kept.set(name, known)
      return known.answer as Promise<T>
    }
    if (known) this.#forget(name, known)
    return this.#ask(name, { revision, read, after: known && !known.isOver ? known.answer : undefined })
  }

  #ask<T>(
    name: string,
    {
      revision,
      read,
      after,
    }: { revision: string | undefined; read: () => Promise<Read<T>>; after?: Promise<unknown> | undefined },
  ): Promise<T> {
    const work = async (): Promise<T> => {
      await after?.catch(() => {})
      kept.hasBegun = true
      try {
        const { answer, weight } = await read()
        this.#weigh(name, kept, weight)
        return answer
      } catch (error) {
        this.#forget(name, kept)
        throw error
      } finally {
        kept.isOver = true
      }
    }
    const kept: Kept = { revision, answer: Promise.resolve().then(work), hasBegun: false, isOver: false, weight: 0 }
    this.#kept.set(name, kept)
    return kept.answer as Promise<T>
  }

  #weigh(name: string, kept: Kept, weight: number): void {
    if (kept.revision === undefined || weight > LARGEST) this.#forget(name, kept)
    if (this.#kept.get(name) !== kept) return
    kept.weight = weight
    this.#weight += weight
    for (const [oldest, each] of this.#kept) {
      if (this.#weight <= MOST) break
      if (each.isOver) this.#forget(oldest, each)
    }
  }

  #forget(name: string, kept: Kept): void {
    if (this.#kept.get(name) !== kept) return
    this.#kept.delete(name)
    this.#weight -= kept.weight
  }
}
