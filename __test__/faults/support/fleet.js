// Worker processes under supervision: a worker that dies is replaced at once, as a deployment would.
import { WorkerProcess } from '../../fixtures/worker-process.js'

const PROGRAM = new URL('worker.js', import.meta.url)

/** Starts a worker process; `env` goes to it, the other options to its adapter. */
export function startWorker(servers, { name = 'worker', env, ...options } = {}) {
  // Only what a process can be told: the worker makes the rest itself.
  const { runtimeOptions, coordinationStore, ...settings } = servers.settings({}, options)
  const told = { ...settings, name, file: servers.executions.file, redis: servers.urls.redis }
  return new WorkerProcess(PROGRAM, { name, env, settings: told })
}

export class Fleet {
  #servers
  #size
  #options
  #started = 0
  #ending = false

  workers = []

  /** `size` workers are kept alive; the options are those of `startWorker`. */
  constructor(servers, { size, ...options }) {
    this.#servers = servers
    this.#size = size
    this.#options = options
  }

  async start() {
    while (this.workers.length < this.#size) this.#add()
    await Promise.all(this.workers.map((worker) => worker.started()))
  }

  #add() {
    this.#started += 1
    const worker = startWorker(this.#servers, { name: `worker-${this.#started}`, ...this.#options })
    this.workers.push(worker)
    worker.exited.then(() => {
      this.workers = this.workers.filter((each) => each !== worker)
      if (!this.#ending) this.#add()
    })
  }

  /** Stops every worker, and replaces none. */
  async stop() {
    this.#ending = true
    await Promise.all(this.workers.map((worker) => worker.stop('SIGTERM')))
  }
}
