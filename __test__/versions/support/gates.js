// Gates that a test closes and opens, and that nodes in other processes wait at: a file stands for a gate that is shut.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export class Gates {
  #file

  /** `file` is the beginning of their names, the same for everyone. */
  constructor(file) {
    this.#file = file
  }

  shut(run, step) {
    writeFileSync(this.#nameOf(run, step), '')
  }

  open(run, step) {
    rmSync(this.#nameOf(run, step), { force: true })
  }

  isShut(run, step) {
    return existsSync(this.#nameOf(run, step))
  }

  /** Waits until a gate is open, or until `signal` aborts. */
  async passed(run, step, signal) {
    while (this.isShut(run, step)) await sleep(10, undefined, { signal })
  }

  #nameOf(run, step) {
    return `${this.#file}.${run}.${step}.shut`
  }
}
