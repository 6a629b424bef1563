/** The workers of an environment. */
import { insideOf, type RabbitMqAdapter } from '../adapter.js'
import type { Job } from '../bridge/channel.js'
import { mistake } from '../errors.js'

/** Workers that are alive. */
export class Workers {
  readonly #make: () => RabbitMqAdapter
  readonly #hear: (job: Job) => void
  #begun = 0
  #alive: RabbitMqAdapter[] = []

  /** @param begun Hears of every job that one of them begins. */
  constructor(make: () => RabbitMqAdapter, begun: (job: Job) => void) {
    this.#make = make
    this.#hear = begun
  }

  get adapters(): readonly RabbitMqAdapter[] {
    return this.#alive
  }

  /** The jobs of all of them that have no answer yet. */
  get executing(): readonly Job[] {
    return this.#alive.flatMap((adapter) => insideOf(adapter).executing)
  }

  /** How many jobs were begun so far. */
  get begun(): number {
    return this.#begun
  }

  start(): RabbitMqAdapter {
    const adapter = this.#make()
    insideOf(adapter).watch((job) => {
      this.#begun += 1
      this.#hear(job)
    })
    this.#alive.push(adapter)
    adapter.start()
    // A test that fails before it closes its environment must not keep its process for ever.
    insideOf(adapter).unref()
    return adapter
  }

  /** Kills the worker that executes a node, or one that executes anything, or any. */
  kill(nodeId: string | undefined): void {
    const executes = (adapter: RabbitMqAdapter) =>
      insideOf(adapter).executing.some((job) => nodeId === undefined || job.nodeId === nodeId)
    const worker = this.#alive.find(executes) ?? (nodeId === undefined ? this.#alive[0] : undefined)
    if (!worker) {
      throw mistake(
        'INVALID_ARGUMENT',
        nodeId === undefined
          ? 'There is no worker to kill: start one with startWorker()'
          : `No worker executes the node '${nodeId}': wait with untilExecuting('${nodeId}')`,
      )
    }
    this.#alive = this.#alive.filter((other) => other !== worker)
    insideOf(worker).kill()
  }

  /** Kills all of them. */
  killAll(): void {
    const dying = this.#alive
    this.#alive = []
    for (const worker of dying) insideOf(worker).kill()
  }

  /** Lets all of them finish what they execute. */
  async stopAll(): Promise<void> {
    const stopping = this.#alive.map((adapter) => adapter.stop())
    this.#alive = []
    await Promise.all(stopping)
  }
}
