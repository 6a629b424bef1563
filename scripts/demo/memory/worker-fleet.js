// The demo's workers where everything is in memory: the example's worker, in several threads of this process.

import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'

const WORKER = new URL('worker-thread.js', import.meta.url)
const STOP_TIMEOUT = 10_000

export class ThreadFleet {
  #env
  #workers = new Map()
  #stopping = false

  /** @param {NodeJS.ProcessEnv} env */
  constructor(env) {
    this.#env = env
  }

  /** How many are alive. */
  get size() {
    return this.#workers.size
  }

  /**
   * @param {string} name
   * @param {(line: string) => void} tell is told what the worker says, and if it ends before it is asked to
   * @returns {string} which thread it is
   */
  start(name, tell) {
    const env = { ...this.#env, WORKER_NAME: name }
    const worker = new Worker(WORKER, { env, stdout: true, stderr: true })
    this.#workers.set(name, worker)
    for (const input of [worker.stdout, worker.stderr]) {
      createInterface({ input }).on('line', (line) => tell(`${name}: ${line}`))
    }
    worker.once('error', (error) => tell(`${name} broke: ${error.message}`))
    worker.once('exit', () => {
      this.#workers.delete(name)
      if (!this.#stopping) tell(`${name} has ended`)
    })
    return `thread ${worker.threadId}`
  }

  /** Lets them finish what they are doing; one that takes too long is ended. */
  async stop() {
    this.#stopping = true
    const ended = [...this.#workers.values()].map(async (worker) => {
      const exited = once(worker, 'exit')
      worker.postMessage('SIGTERM')
      const timer = setTimeout(() => worker.terminate(), STOP_TIMEOUT)
      await exited
      clearTimeout(timer)
    })
    await Promise.all(ended)
  }
}
