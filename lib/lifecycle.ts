/** Starting and stopping, in any order and at any time: what was asked for last is what it comes to. */

/** What is started and stopped. */
export interface Startable {
  /** Starts; does nothing where it is started. */
  begin(): void
  /** Stops; done when everything is put away. */
  end(): Promise<void>
}

/** One start or stop at a time. */
export class Lifecycle {
  readonly #of: Startable
  #ending: Promise<void> | undefined
  #beginsAgain = false

  constructor(of: Startable) {
    this.#of = of
  }

  /** Starts, or starts again as soon as the stop under way is done. */
  start(): void {
    if (this.#ending) this.#beginsAgain = true
    else this.#of.begin()
  }

  /** Stops; while a stop is under way, that is the one. A start that waits for it is taken back. */
  stop(): Promise<void> {
    this.#beginsAgain = false
    this.#ending ??= this.#end()
    return this.#ending
  }

  async #end(): Promise<void> {
    try {
      await this.#of.end()
    } finally {
      this.#ending = undefined
      if (this.#beginsAgain) {
        this.#beginsAgain = false
        this.#of.begin()
      }
    }
  }
}
