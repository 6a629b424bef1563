// Ctrl-C and its relatives: the first one lets the demo put everything away, and ends it afterwards as the
// signal would have; another one ends it at once.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** npm passes on the Ctrl-C that the terminal has already sent to everyone. */
const ECHO_MS = 1000

export class Interruption {
  #controller = new AbortController()
  #first
  #at
  #onFirst

  /** @param {() => void} onFirst is called when the first signal comes */
  constructor(onFirst) {
    this.#onFirst = onFirst
    for (const signal of SIGNALS) process.on(signal, this.#listener)
  }

  /** Aborted by the first signal. */
  get signal() {
    return this.#controller.signal
  }

  /** To be called when everything is put away. */
  end() {
    for (const signal of SIGNALS) process.off(signal, this.#listener)
    if (this.#first) process.kill(process.pid, this.#first)
  }

  #listener = (signal) => {
    if (this.#first) {
      if (Date.now() - this.#at > ECHO_MS) process.exit(1)
      return
    }
    this.#first = signal
    this.#at = Date.now()
    this.#onFirst()
    this.#controller.abort(new Error(`Interrupted by ${signal}`))
  }
}
