/**
 * Spans of OpenTelemetry: of what a client asks for, of each job and its node, of publishing and of commits.
 *
 *     start order ──► process jobs ──► order/charge ──► whatever the node's own instrumentation tells
 *                      (links to,          │  └► commit, publish jobs
 *                       or is a            ▼
 *                       child of)      the next job's message carries it
 */
import type { Attributes, Link, Span, SpanContext, Tracer } from '@opentelemetry/api'
import type { EngineSpan } from '../bridge/channel.js'
import { type Api, SCOPE } from './open-telemetry.js'
import type { Asked, Spans, TracedAnswer, TracedJob } from './spans.js'
import { spanContextOf, traceparentOf } from './traceparent.js'

/** The header that names the span that led to a message. */
const TRACEPARENT = 'traceparent'
/** A header of our own: another span that led to it. */
const LINK = 'flowcraft-link'

/** The queue that a message is published to, or came from. */
const DESTINATION = 'messaging.destination.name'

/** How spans of one run belong together: each job is a trace of its own that links to what led to it, or all are one. */
export type TraceMode = 'links' | 'parent'

export interface TracingOptions {
  readonly mode: TraceMode
  /** The worker that tells its spans; a client has none. */
  readonly worker?: string
  /** All queues that jobs go to. */
  readonly queues: readonly string[]
  /** The queue of a blueprint's jobs. */
  queueOf(blueprintId: string): string
}

export class Tracing implements Spans {
  readonly #api: Api
  readonly #options: TracingOptions
  /** As an attribute. */
  readonly #worker: Attributes
  /** The attributes of publishing. The engine names no queue: it is known where there is only one. */
  readonly #publish: Attributes

  constructor(api: Api, options: TracingOptions) {
    this.#api = api
    this.#options = options
    this.#worker = options.worker === undefined ? {} : { 'flowcraft.worker': options.worker }
    const [queue, ...others] = options.queues
    this.#publish = {
      ...operation('publish', 'send'),
      ...(queue !== undefined && others.length === 0 && { [DESTINATION]: queue }),
    }
  }

  /** Asked for each time: the user's SDK may be started after the adapter is made. */
  get #tracer(): Tracer {
    return this.#api.trace.getTracer(SCOPE)
  }

  async job<A extends TracedAnswer>(job: TracedJob, execute: () => Promise<A>): Promise<A> {
    const { context, trace, ROOT_CONTEXT, SpanKind } = this.#api
    const process = this.#process(job)
    const node = this.#tracer.startSpan(
      `${job.blueprintId}/${job.nodeId}`,
      { kind: SpanKind.INTERNAL, attributes: this.#attributesOf(job) },
      trace.setSpan(ROOT_CONTEXT, process),
    )
    try {
      const answer = await context.with(trace.setSpan(ROOT_CONTEXT, node), execute)
      this.#note(node, answer)
      const own = node.spanContext()
      return trace.isSpanContextValid(own) ? { ...answer, trace: traceparentOf(own) } : answer
    } finally {
      node.end()
      process.end()
    }
  }

  done({ span, after, runId, nodeId, ended, took }: EngineSpan): void {
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api
    const parent = spanContextOf(after)
    if (!parent) return
    const isPublish = span === 'publish'
    const attributes = {
      'flowcraft.run.id': runId,
      'flowcraft.node.id': nodeId,
      ...this.#worker,
      ...(isPublish ? this.#publish : { 'db.system.name': 'postgresql', 'db.operation.name': 'commit' }),
    }
    const kind = isPublish ? SpanKind.PRODUCER : SpanKind.CLIENT
    this.#tracer
      .startSpan(
        isPublish ? 'publish jobs' : 'commit',
        { kind, attributes, startTime: ended - took },
        trace.setSpanContext(ROOT_CONTEXT, parent),
      )
      .end(ended)
  }

  async asked<T>(
    { what, runId, blueprintId }: Asked,
    ask: (traceparent: string | undefined) => Promise<T>,
  ): Promise<T> {
    const { context, trace, SpanKind, SpanStatusCode } = this.#api
    const attributes = {
      ...operation(what, 'create'),
      ...(runId !== undefined && { 'flowcraft.run.id': runId }),
      ...(blueprintId !== undefined && { 'flowcraft.blueprint.id': blueprintId }),
    }
    const span = this.#tracer.startSpan(blueprintId ? `${what} ${blueprintId}` : what, {
      kind: SpanKind.PRODUCER,
      attributes,
    })
    const own = span.spanContext()
    try {
      const within = trace.setSpan(context.active(), span)
      return await context.with(within, () => ask(trace.isSpanContextValid(own) ? traceparentOf(own) : undefined))
    } catch (error) {
      const code = (error as { code?: unknown }).code
      span.setAttribute('error.type', typeof code === 'string' ? code : 'Error')
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) })
      throw error
    } finally {
      span.end()
    }
  }

  /** The span of a message that is processed. */
  #process(job: TracedJob): Span {
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api
    const [cause, other] = [spanContextOf(job.headers?.[TRACEPARENT]), spanContextOf(job.headers?.[LINK])]
    const isChild = this.#options.mode === 'parent' && cause !== undefined
    const links: Link[] = (isChild ? [other] : [cause, other])
      .filter((context): context is SpanContext => context !== undefined)
      .map((context) => ({ context }))
    const attributes = {
      ...this.#attributesOf(job),
      ...operation('process', 'process'),
      [DESTINATION]: this.#options.queueOf(job.blueprintId),
    }
    const parent = isChild ? trace.setSpanContext(ROOT_CONTEXT, cause) : ROOT_CONTEXT
    return this.#tracer.startSpan('process jobs', { kind: SpanKind.CONSUMER, attributes, links }, parent)
  }

  #attributesOf({ runId, blueprintId, nodeId, attempt }: TracedJob) {
    return {
      'flowcraft.run.id': runId,
      'flowcraft.blueprint.id': blueprintId,
      'flowcraft.node.id': nodeId,
      'flowcraft.node.attempt': attempt,
      ...this.#worker,
    }
  }

  #note(node: Span, { outcome, message }: TracedAnswer): void {
    node.setAttribute('flowcraft.node.outcome', outcome)
    if (outcome !== 'failed' && outcome !== 'retry') return
    const { SpanStatusCode } = this.#api
    node.setAttribute('error.type', outcome)
    node.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) })
  }
}

function operation(name: string, type: 'send' | 'create' | 'process') {
  return { 'messaging.system': 'rabbitmq', 'messaging.operation.name': name, 'messaging.operation.type': type }
}
