/** What a test expects of a run. All that an assertion does is throw an `AssertionError`, so every test runner knows it. */
import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { NodeDescription, RunDescription } from '../client/description.js'
import type { RunHandle } from '../client/handle.js'
import { RunFailedError, RunNotFoundError } from '../errors.js'
import { callOptions, type Names } from '../options/call-options.js'
import type { Execution } from './executions.js'

/** What is expected of a run that completed; what is left out may be anything. */
export interface CompletedRun {
  /** The outputs of nodes, by their ids. */
  outputs?: Readonly<Record<string, unknown>>
  /** Keys of the final context. */
  context?: Readonly<Record<string, unknown>>
  /** Nodes in the order in which they began; others may have run between them. */
  order?: readonly string[]
  /** How often the code of nodes was tried, by their ids. */
  attempts?: Readonly<Record<string, number>>
}

/** What is expected of a run that failed; what is left out may be anything. */
export interface FailedRun {
  /** What its reason is, has in it, or matches. */
  reason?: string | RegExp
  /** Nodes that failed; others may have, too. */
  nodes?: readonly string[]
  /** How often the code of nodes was tried, by their ids. */
  attempts?: Readonly<Record<string, number>>
}

const OF_COMPLETED: Names<CompletedRun> = { outputs: true, context: true, order: true, attempts: true }
const OF_FAILED: Names<FailedRun> = { reason: true, nodes: true, attempts: true }

/** What a run is known by. */
export interface Observed {
  readonly run: RunHandle
  executions(): readonly Execution[]
  /** Waits until nothing is left to do; where that cannot be known, for a while. Whether another look may be worth it. */
  wait(look: number): Promise<boolean>
}

/** Assertions of one run. Each waits until nothing of the environment is left to do, and rejects with an `AssertionError`. */
export class RunExpectation {
  readonly #of: Observed

  /** @internal Use `expectRun` of an environment. */
  constructor(of: Observed) {
    this.#of = of
  }

  /**
   * The run is completed, with these outputs, context keys, order and attempts.
   *
   * @example
   * ```ts
   * await expectRun(run).toHaveCompleted({ outputs: { ship: 'shipped' }, order: ['charge', 'ship'] })
   * ```
   */
  async toHaveCompleted(expected: CompletedRun = {}): Promise<void> {
    const known = callOptions('expectRun.toHaveCompleted', OF_COMPLETED, expected)
    const { outputs = {}, context = {}, order = [], attempts = {} } = known
    await this.#check('toHaveCompleted', async (seen) => {
      this.#isOf(seen, 'completed')
      const result = await this.#of.run.result()
      const found = result.context as Record<string, unknown>
      for (const [node, expected] of Object.entries(outputs)) {
        this.#equals(`the output of '${node}'`, found[`_outputs.${node}`], expected)
      }
      for (const [key, expected] of Object.entries(context))
        this.#equals(`the context key '${key}'`, found[key], expected)
      this.#ranInOrder(order)
      this.#tried(attempts)
    })
  }

  /**
   * The run failed, for this reason, in these nodes.
   *
   * @example
   * ```ts
   * await expectRun(run).toHaveFailed({ reason: /card declined/, nodes: ['charge'] })
   * ```
   */
  async toHaveFailed(expected: FailedRun = {}): Promise<void> {
    const { reason, nodes = [], attempts = {} } = callOptions('expectRun.toHaveFailed', OF_FAILED, expected)
    await this.#check('toHaveFailed', async (seen) => {
      this.#isOf(seen, 'failed')
      const why = await this.#failure()
      if (reason !== undefined && !matches(why.reason, reason)) {
        this.#fail(`failed for another reason: ${why.reason}`, why.reason, reason)
      }
      const failed = why.nodes
      for (const node of nodes) {
        if (!failed.includes(node)) this.#fail(`failed, but not in '${node}': ${listed(failed)}`, failed, nodes)
      }
      this.#tried(attempts)
    })
  }

  /**
   * The run was cancelled.
   *
   * @example
   * ```ts
   * await client.run('order-17').cancel()
   * await expectRun('order-17').toHaveBeenCancelled()
   * ```
   */
  async toHaveBeenCancelled(): Promise<void> {
    await this.#check('toHaveBeenCancelled', async (seen) => this.#isOf(seen, 'cancelled'))
  }

  /**
   * The run waits at a node: for a person, an event, a webhook or its time.
   *
   * @example
   * ```ts
   * await expectRun(run).toAwait('approval')
   * ```
   */
  async toAwait(nodeId: string): Promise<void> {
    await this.#check('toAwait', async (seen) => {
      const waiting = seen.nodes.filter(isWaiting).map((node) => node.nodeId)
      if (!waiting.includes(nodeId)) {
        this.#fail(`does not wait at '${nodeId}': it is ${told(seen)}`, waiting, [nodeId])
      }
    })
  }

  /**
   * These nodes began, in this order; others may have run between them, and an execution after a crash counts, too.
   *
   * @example
   * ```ts
   * await expectRun(run).toHaveRun('charge', 'approval')
   * ```
   */
  async toHaveRun(...nodes: string[]): Promise<void> {
    await this.#check('toHaveRun', async () => this.#ranInOrder(nodes))
  }

  /**
   * None of these nodes ever began.
   *
   * @example
   * ```ts
   * await expectRun(run).notToHaveRun('ship')
   * ```
   */
  async notToHaveRun(...nodes: string[]): Promise<void> {
    await this.#check('notToHaveRun', async () => {
      const ran = this.#began().filter((node) => nodes.includes(node))
      if (ran.length > 0) this.#fail(`ran ${listed(ran)}`, ran, [])
    })
  }

  /**
   * The code of a node was tried so often: in every execution of it, with its retries.
   *
   * @example
   * ```ts
   * await expectRun(run).toHaveTried('charge', 3)
   * ```
   */
  async toHaveTried(nodeId: string, attempts: number): Promise<void> {
    await this.#check('toHaveTried', async () => this.#tried({ [nodeId]: attempts }))
  }

  /** Looks at the run until the check holds, or another look is not worth it. */
  async #check(operator: string, check: (seen: RunDescription) => Promise<void>): Promise<void> {
    for (let look = 0; ; look += 1) {
      const again = await this.#of.wait(look)
      try {
        return await check(await this.#of.run.describe())
      } catch (error) {
        const failed = error instanceof RunNotFoundError ? missing(this.#of.run.runId) : error
        if (again) continue
        if (failed instanceof AssertionError) failed.operator = operator
        throw failed
      }
    }
  }

  #isOf(seen: RunDescription, status: string): void {
    if (seen.status !== status) this.#fail(`is ${told(seen)}, not ${status}`, seen.status, status)
  }

  #equals(what: string, actual: unknown, expected: unknown): void {
    if (isDeepStrictEqual(actual, expected)) return
    this.#fail(`has ${inspect(actual)} as ${what}, not ${inspect(expected)}`, actual, expected)
  }

  #ranInOrder(nodes: readonly string[]): void {
    const began = this.#began()
    let from = 0
    for (const node of nodes) {
      const at = began.indexOf(node, from)
      if (at < 0) this.#fail(`ran ${listed(began)}: that is not the order ${listed(nodes)}`, began, nodes)
      from = at + 1
    }
  }

  #tried(attempts: Readonly<Record<string, number>>): void {
    for (const [nodeId, expected] of Object.entries(attempts)) {
      const executions = this.#of.executions().filter((execution) => execution.nodeId === nodeId)
      const actual = executions.reduce((sum, execution) => sum + execution.attempts, 0)
      if (actual !== expected)
        this.#fail(`tried '${nodeId}' ${times(actual)}, not ${times(expected)}`, actual, expected)
    }
  }

  #began(): string[] {
    return this.#of.executions().map(({ nodeId }) => nodeId)
  }

  async #failure(): Promise<{ reason: string; nodes: string[] }> {
    try {
      await this.#of.run.result({ timeoutMs: 0 })
    } catch (error) {
      if (!(error instanceof RunFailedError)) throw error
      return { reason: error.reason ?? '', nodes: (error.nodeErrors ?? []).map(({ nodeId }) => nodeId) }
    }
    return { reason: '', nodes: [] }
  }

  #fail(what: string, actual: unknown, expected: unknown): never {
    const message = `Run '${this.#of.run.runId}' ${what}`
    throw new AssertionError({ message, actual, expected })
  }
}

function missing(runId: string): AssertionError {
  return new AssertionError({ message: `There is no run '${runId}'` })
}

function isWaiting({ state, dueAt }: NodeDescription): boolean {
  return state === 'awaiting' || (state === 'due' && dueAt !== undefined)
}

/** How a run stands, in words: with why, or where it waits. */
function told({ status, reason, nodes }: RunDescription): string {
  const waiting = nodes.filter(isWaiting).map(({ nodeId }) => nodeId)
  if (reason !== undefined) return `${status} (${reason})`
  return waiting.length > 0 ? `${status} (it waits at ${listed(waiting)})` : status
}

function listed(nodes: readonly string[]): string {
  return nodes.length === 0 ? 'nothing' : nodes.map((node) => `'${node}'`).join(', ')
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}

function matches(text: string, expected: string | RegExp): boolean {
  return typeof expected === 'string' ? text.includes(expected) : expected.test(text)
}
