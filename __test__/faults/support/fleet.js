// Worker processes under supervision: a worker that dies is replaced at once, as a deployment would.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from './site.js'

const PROGRAM = fileURLToPath(new URL('worker.js', import.meta.url))

export class Fleet {
  #site
  #size
  #options
  #started = 0
  #ending = false

  workers = []

  /** `size` workers are kept alive; `env` goes to each, the other options to its adapter. */
  constructor(site, { size, ...options }) {
    this.#site = site
    this.#size = size
    this.#options = options
  }

  async start() {
    while (this.workers.length < this.#size) this.#add()
    await Promise.all(this.workers.map((worker) => worker.started()))
  }

  #add() {
    this.#started += 1
    const worker = new WorkerProcess(this.#site, { name: `worker-${this.#started}`, ...this.#options })
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

/** One worker process. */
export class WorkerProcess {
  #child

  /** How it ended; undefined while it lives. */
  end

  /** Everything it printed. */
  printed = ''

  constructor(site, { name = 'worker', env = {}, ...options } = {}) {
    this.name = name
    // Only what a process can be told: the worker makes the rest itself.
    const { runtimeOptions, coordinationStore, ...settings } = site.settings({}, options)
    const told = { ...settings, name, file: site.executions.file, redis: site.servers.urls.redis }
    this.#child = spawn(process.execPath, [PROGRAM], {
      env: { ...process.env, ...env, SETTINGS: JSON.stringify(told) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (data) => {
        this.printed += data
      })
    }
    this.exited = once(this.#child, 'exit').then(([code, signal]) => {
      this.end = { code, signal }
      return this.end
    })
  }

  /** Waits until its adapter was started. */
  started() {
    return until(() => this.printed.includes('started\n'), { what: `${this.name} to start` })
  }

  signal(signal) {
    this.#child.kill(signal)
  }

  /** Ends it; SIGTERM that does not work within `patience` becomes SIGKILL. */
  async stop(signal, patience = 20_000) {
    const timer = setTimeout(() => this.signal('SIGKILL'), patience)
    this.signal(signal)
    const end = await this.exited
    clearTimeout(timer)
    return end
  }

  /** The lines it printed that match. */
  lines(pattern) {
    return this.printed.split('\n').filter((line) => pattern.test(line))
  }
}
