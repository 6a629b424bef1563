/**
 * What is known of an object that core made, kept with the object itself. A `WeakMap` says the same, but each job has several of
 * them, and to collect their entries costs more than everything else that is collected of a job.
 */
export class Beside<T> {
  readonly #key = Symbol('known of it')

  set(object: object, known: T): void {
    ;(object as Record<symbol, T>)[this.#key] = known
  }

  get(object: object): T | undefined {
    return (object as Record<symbol, T | undefined>)[this.#key]
  }
}
