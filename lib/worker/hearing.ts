/** What the engine tells its worker: events, lines of the log, and that it takes no jobs. */
import { FlowcraftError, type ILogger, type WorkflowError } from 'flowcraft'
import type { Milestone, NodeFailure, Notice } from '../bridge/channel.js'
import { errorOf, type FlowcraftAdapterError } from '../errors.js'
import { fieldsOf, linesOf, oneLine } from '../log.js'
import type { Operating } from '../operating/operating.js'
import type { Spans } from '../operating/spans.js'
import type { AdapterEvent, AdapterEventBus } from '../options/event-bus.js'

/** Who is told. */
export interface Listeners {
  readonly queueName: string
  /** The worker's name. */
  readonly worker: string
  readonly logger: ILogger
  readonly eventBus: AdapterEventBus | undefined
  readonly onError: ((error: Error) => void) | undefined
  readonly spans: Spans | undefined
  /** Hears whether the worker takes jobs. */
  readonly operating: () => Operating
}

/** Passes on what the engine tells. The engine does not depend on who listens, or on whether they throw. */
export class Hearing {
  readonly #to: Listeners
  readonly #lines: ILogger

  constructor(to: Listeners) {
    this.#to = to
    this.#lines = linesOf(to.logger, { worker: to.worker })
  }

  async hear(notice: Notice): Promise<void> {
    try {
      if ('event' in notice) {
        const payload = { ...notice.payload, executionId: notice.payload.runId }
        await this.#emit({ type: notice.event, payload })
      } else if ('deaf' in notice) {
        await this.#fail(errorOf(notice.deaf, { code: 'BROKER_LOST' }), notice.queue)
      } else if ('unfit' in notice) {
        const { unfit, code, sqlState } = notice
        const message = `The worker on '${this.#to.queueName}' takes no jobs until this is fixed. ${unfit}`
        await this.#fail(errorOf(message, { code, sqlState: sqlState ?? undefined }))
      } else if ('readiness' in notice) {
        await this.#to.operating().hear(notice.readiness, notice.health)
      } else if ('span' in notice) {
        this.#to.spans?.done(notice)
      } else {
        this.#lines[notice.level](`[Adapter] ${notice.message}`, { ...fieldsOf(notice.about) })
      }
    } catch {
      // A listener's trouble is its own.
    }
  }

  /** Tells of a run as a whole. Resolves once the bus has heard it, or is waited for no longer. */
  async tell(runId: string, blueprintId: string, milestones: readonly Milestone[]): Promise<void> {
    for (const { type, id, ...more } of milestones) {
      const said = 'errors' in more ? { ...more, errors: workflowErrors(more.errors) } : more
      await this.#emit({ type, id, payload: { blueprintId, executionId: runId, ...said } })
    }
  }

  /** The bus stamps it with the time. */
  async #emit(event: { type: AdapterEvent['type']; id?: string; payload: unknown }): Promise<void> {
    await this.#to.eventBus?.emit(event as AdapterEvent)
  }

  /** Warnings, a line each. */
  warn(warnings: string[]): void {
    try {
      for (const warning of warnings) this.#lines.warn(`[Adapter] ${warning}`)
    } catch {
      // A logger that throws breaks nothing.
    }
  }

  /** The worker receives no jobs: the application has to act. */
  async #fail(error: FlowcraftAdapterError, queue = this.#to.queueName): Promise<void> {
    // If one listener throws, the others still hear it.
    try {
      this.#lines.error(`[Adapter] ${error.message}`, { queue: oneLine(queue), code: error.code })
    } catch {}
    try {
      this.#to.onError?.(error)
    } catch {}
    await this.#emit({ type: 'worker:failed', payload: { queueName: this.#to.queueName, error } })
  }
}

/** Errors as core has them in `workflow:finish`; none where there are none. */
function workflowErrors(failures: readonly NodeFailure[]): WorkflowError[] | undefined {
  const timestamp = new Date().toISOString()
  const errors = failures.map(({ nodeId, message }) => {
    if (nodeId === '') return { message, timestamp, isFatal: false, name: 'WorkflowError' }
    const error = new FlowcraftError(message, { nodeId })
    // Named, since the spread may lack it: V8 of Node.js 20 has it enumerable in the first ten errors of a process only.
    return { ...error, message, timestamp, originalError: error }
  })
  return errors.length > 0 ? (errors as WorkflowError[]) : undefined
}
