/** The environment of a test: workers, a client and a clock over servers of its own. */
import { AssertionError } from 'node:assert'
import type { RabbitMqAdapter } from '../adapter.js'
import type { Job } from '../bridge/channel.js'
import type { RabbitMqClient } from '../client/client.js'
import type { Flows } from '../client/flows.js'
import { mistake } from '../errors.js'
import { memoryAlarms } from '../execution/alarms.js'
import { ADAPTER_SCHEMA } from '../options/adapter-schema.js'
import { MemoryTime, type Moved, REAL_CLOCK, type TestClock } from './clock.js'
import { type Delivered, type Delivery, deliver } from './deliveries.js'
import { Executions } from './executions.js'
import { RunExpectation } from './expectations.js'
import { checkTestOptions, type TestEnvironmentOptions } from './options.js'
import { adaptersOf, clientOf } from './parts.js'
import { now, sleep, turn } from './real-time.js'
import { type OpenServers, openMemory, openRealServers, type ServerOptions } from './servers.js'
import { settle } from './settling.js'
import { Workers } from './workers.js'

/** A server that can be put out of reach. */
export type FailingServer = 'postgres' | 'rabbitmq' | 'redis'

/** A node that is being executed. */
export interface ExecutingNode {
  runId: string
  nodeId: string
  blueprintId: string
}

/** How long code of yours is waited for by default, in milliseconds. */
const PATIENCE = 5_000
/**
 * Workers, a client and a clock, on servers in memory that nobody else uses, or on real ones. The methods may be taken out
 * of it: `const { client, clock, expectRun } = await createTestEnvironment({ flows })`.
 *
 * @typeParam F What is tested: `typeof flows`.
 */
export class TestEnvironment<F extends Flows = Flows> {
  /** Starts, watches and controls runs. */
  readonly client: RabbitMqClient<F>
  /** The clock of the servers. */
  readonly clock: TestClock
  /** How the environment reaches its servers: for a reconciler, a `PostgresContext` or an adapter of your own. */
  readonly servers: Readonly<ServerOptions>
  readonly #options: TestEnvironmentOptions<F>
  readonly #open: OpenServers
  readonly #close: () => Promise<void>
  readonly #executions = new Executions()
  readonly #workers: Workers
  readonly #memory: Moved | undefined
  readonly #failing = new Set<FailingServer>()
  #closed: Promise<void> | undefined

  /** @internal Use {@link createTestEnvironment}. */
  constructor(options: TestEnvironmentOptions<F>, open: OpenServers) {
    this.#options = options
    this.#open = open
    this.servers = open.options
    const client = clientOf(options, open.options)
    this.client = client
    this.#close = () => client.close()
    const make = adaptersOf(options, open.options, this.#executions)
    this.#workers = new Workers(make, this.#executions.begun)
    this.#memory = open.memory && this.#movedOf(open.memory)
    this.clock = this.#memory ? new MemoryTime(this.#memory) : REAL_CLOCK
    for (let count = options.workers ?? 1; count > 0; count -= 1) this.#workers.start()
  }

  /**
   * One of the workers: for what only an adapter does, `registerWebhookEndpoint` or `listDeadLetters`.
   *
   * @example
   * ```ts
   * const { url } = await env.adapter.registerWebhookEndpoint(run.runId, 'payment')
   * ```
   */
  get adapter(): RabbitMqAdapter {
    const [adapter] = this.#workers.adapters
    if (!adapter) throw mistake('INVALID_ARGUMENT', 'There is no worker: start one with startWorker()')
    return adapter
  }

  /**
   * Starts one more worker.
   *
   * @example
   * ```ts
   * const second = startWorker()
   * await second.stop()
   * ```
   */
  readonly startWorker = (): RabbitMqAdapter => this.#workers.start()

  /**
   * Kills a worker, as the operating system kills a process: nothing it does is finished, its messages go back to the queue,
   * and its leases run out, for which the clock goes on by `leaseSeconds`. Its nodes run again on another worker. The code
   * that it executes cannot be taken back: it gets its `AbortSignal`, and nothing it answers counts.
   *
   * @param options.executing The node that the worker has to execute. Default: any, and if none is executed, any worker.
   * @param options.replace Whether another worker is started in its place. Default: `true`.
   *
   * @example
   * ```ts
   * await untilExecuting('charge')
   * await killWorker()
   * ```
   */
  readonly killWorker = async (options: { executing?: string; replace?: boolean } = {}): Promise<void> => {
    const { memory, alarms } = this.#inMemory('killWorker kills a worker that shares its process with the test')
    this.#workers.kill(options.executing)
    const { leaseSeconds = ADAPTER_SCHEMA.leaseSeconds.default } = this.#options.adapter ?? {}
    memory.elapse(leaseSeconds * 1_000)
    alarms.moved()
    if (options.replace !== false) this.#workers.start()
  }

  /**
   * Puts a server out of reach: whatever is asked of it fails, until {@link restore}.
   *
   * @example
   * ```ts
   * await fail('postgres')
   * // … nothing of a run is lost meanwhile
   * await restore('postgres')
   * ```
   */
  readonly fail = async (server: FailingServer): Promise<void> => {
    this.#outage(server, true)
    await turn(0)
  }

  /**
   * Puts a server back that {@link fail} has put out of reach: this one, or all of them.
   *
   * @example
   * ```ts
   * await fail('redis')
   * await restore()
   * ```
   */
  readonly restore = async (server?: FailingServer): Promise<void> => {
    for (const each of server === undefined ? [...this.#failing] : [server]) this.#outage(each, false)
    await turn(0)
  }

  /**
   * Waits until nothing is left that can be done at this moment of the clock. On real servers, until no node is executed
   * any more by a worker of this environment.
   *
   * @throws AssertionError when code of yours does not end within `patience`.
   *
   * @example
   * ```ts
   * await settle()
   * console.log((await client.run('order-17').describe()).status)
   * ```
   */
  readonly settle = async (): Promise<void> => {
    if (this.#memory) return settle(this.#memory)
    await this.#until(() => this.#workers.executing.length === 0, 'Nodes are still being executed')
  }

  /**
   * Waits until a node is being executed.
   *
   * @throws AssertionError when none is within `patience`.
   *
   * @example
   * ```ts
   * const { runId } = await untilExecuting('charge')
   * await client.run(runId).cancel()
   * ```
   */
  readonly untilExecuting = async (nodeId: string, run?: string | { runId: string }): Promise<ExecutingNode> => {
    const runId = typeof run === 'object' ? run.runId : run
    const isIt = (job: Job) => job.nodeId === nodeId && (runId === undefined || job.runId === runId)
    const found = await this.#until(() => this.#workers.executing.find(isIt), `Nobody executes the node '${nodeId}'`)
    // Its code begins before the next turn of the event loop.
    await turn(0)
    return { runId: found.runId, nodeId, blueprintId: found.blueprintId }
  }

  /**
   * Sends a request to a webhook, as its sender would, without a port: to its URL, or to the webhook of a node.
   *
   * @example
   * ```ts
   * const { status } = await deliver({ runId: run.runId, nodeId: 'payment' }, { body: { paid: true } })
   * ```
   */
  readonly deliver = async (
    to: string | { runId: string; nodeId: string },
    delivery: Delivery = {},
  ): Promise<Delivered> => {
    const { adapter } = this
    const { url } = typeof to === 'string' ? { url: to } : await adapter.registerWebhookEndpoint(to.runId, to.nodeId)
    return deliver(adapter, url, delivery)
  }

  /**
   * What is expected of a run, by its id or its handle.
   *
   * @example
   * ```ts
   * await expectRun('order-17').toAwait('approval')
   * ```
   */
  readonly expectRun = (run: string | { runId: string }): RunExpectation => {
    const handle = this.client.run(typeof run === 'string' ? run : run.runId)
    const began = now()
    const wait = async (look: number) => {
      if (this.#memory) {
        await settle(this.#memory, handle.runId)
        return false
      }
      if (look > 0) await sleep(Math.min(20 * look, 200))
      return now() - began < this.#patience
    }
    return new RunExpectation({ run: handle, wait, executions: () => this.#executions.of(handle.runId) })
  }

  /**
   * Ends the workers and takes down what was made for them. In memory nodes in flight are abandoned; on real servers workers
   * stop, and tables and queues are removed.
   *
   * @example
   * ```ts
   * const env = await createTestEnvironment({ flows })
   * after(() => env.close())
   * ```
   */
  readonly close = async (): Promise<void> => {
    this.#closed ??= this.#end()
    await this.#closed
  }

  /**
   * Closes it at the end of its block.
   *
   * @example
   * ```ts
   * await using env = await createTestEnvironment({ flows })
   * await env.expectRun(await env.client.start('order')).toAwait('approval')
   * ```
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #end(): Promise<void> {
    if (this.#memory) this.#workers.killAll()
    else await this.#workers.stopAll()
    await this.#close()
    await this.#open.close()
  }

  get #patience(): number {
    return this.#options.patience ?? PATIENCE
  }

  #movedOf({ name, server }: NonNullable<OpenServers['memory']>): Moved {
    const { contextTableName: contexts, statusTableName: statuses, queueName } = this.servers
    const { queues = {}, consume, concurrency = ADAPTER_SCHEMA.concurrency.default } = this.#options.adapter ?? {}
    return {
      memory: server,
      alarms: memoryAlarms(name),
      tables: { contexts, statuses },
      patience: this.#patience,
      workers: this.#workers,
      queues: consume ?? [queueName, ...Object.values(queues)],
      concurrency,
      isOut: (server) => (server ? this.#failing.has(server) : this.#failing.size > 0),
    }
  }

  #outage(server: FailingServer, isOut: boolean): void {
    const { memory } = this.#inMemory('fail puts a server out of reach')
    if (!['postgres', 'rabbitmq', 'redis'].includes(server)) {
      throw mistake('INVALID_ARGUMENT', "A server is 'postgres', 'rabbitmq' or 'redis'")
    }
    memory.setOutage(server, isOut)
    if (isOut) this.#failing.add(server)
    else this.#failing.delete(server)
  }

  #inMemory(what: string): Moved {
    if (this.#memory) return this.#memory
    throw mistake(
      'INVALID_ARGUMENT',
      `${what}: that is possible in memory, and not on real servers. Skip this test there`,
    )
  }

  /** Waits for something, at most for as long as code of the user's is waited for. */
  async #until<T>(found: () => T | undefined | false, otherwise: string): Promise<T> {
    const began = now()
    for (let count = 0; ; count += 1) {
      const value = found()
      if (value !== undefined && value !== false) return value
      if (now() - began > this.#patience) {
        throw new AssertionError({ message: `${otherwise} (after ${this.#patience} ms of real time)` })
      }
      await turn(count)
    }
  }
}

/**
 * Makes an environment for a test: workers that run `flows` on the same engine as in production, a client, and a clock, all
 * in this process. It needs no server and no port, and shares nothing with other environments.
 *
 * @throws TypeError naming the option that cannot work.
 *
 * @example
 * ```ts
 * await using env = await createTestEnvironment({ flows })
 * const run = await env.client.start('order', { context: { amount: 42 } })
 * await env.expectRun(run).toAwait('approval')
 * await env.clock.advance('3 days')
 * ```
 */
export async function createTestEnvironment<F extends Flows>(
  options: TestEnvironmentOptions<F>,
): Promise<TestEnvironment<F>> {
  const checked = checkTestOptions(options)
  const open = checked.servers ? await openRealServers(checked.servers) : openMemory()
  try {
    return new TestEnvironment(checked, open)
  } catch (error) {
    await open.close()
    throw error
  }
}
