/**
 * Spans of OpenTelemetry: of what a client asks for, of each job and its node, of publishing and of commits.
 *
 *     start order ──► process jobs ──► order/charge ──► whatever the node's own instrumentation tells
 *                      (links to,          │  └► commit, publish jobs
 *                       or is a            ▼
 *                       child of)      the next job's message carries it
 */
import type { Attributes, Link, Span, Tracer } from '@opentelemetry/api'
import type { EngineSpan } from '../bridge/channel.js'
import { Collector } from './collector.js'
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
  /** The queue that jobs are published to, where there is only one: the engine does not tell which. */
  readonly #onlyQueue: string | undefined
  readonly #collector: Collector

  constructor(api: Api, options: TracingOptions) {
    this.#api = api
    this.#options = options
    const [queue, ...others] = options.queues
    this.#onlyQueue = others.length === 0 ? queue : undefined
    this.#collector = new Collector(api)
  }

  async job<A extends TracedAnswer>(job: TracedJob, execute: () => Promise<A>): Promise<A> {
    const tracer = this.#collector.tracer
    if (!tracer) return this.#passOn(job, await execute())
    const { context, trace, ROOT_CONTEXT, INVALID_TRACEID } = this.#api
    const process = this.#process(tracer, job)
    // Of a trace that is not kept, what is inside is not kept either: the node has no span, and the trace goes on.
    const node = process.isRecording() ? this.#node(tracer, job, process) : undefined
    const inner = node ?? process
    try {
      const answer = await context.with(trace.setSpan(ROOT_CONTEXT, inner), execute)
      if (node) this.#note(node, answer)
      const own = inner.spanContext()
      return own.traceId === INVALID_TRACEID ? answer : { ...answer, trace: traceparentOf(own) }
    } finally {
      node?.end()
      process.end()
    }
  }

  done({ span, after, runId, nodeId, ended, took }: EngineSpan): void {
    const tracer = this.#collector.tracer
    const parent = tracer && spanContextOf(after)
    const { trace, ROOT_CONTEXT, SpanKind, TraceFlags } = this.#api
    if (!parent || (parent.traceFlags & TraceFlags.SAMPLED) === 0) return
    const isPublish = span === 'publish'
    const attributes: Attributes = isPublish
      ? operation('publish', 'send')
      : { 'db.system.name': 'postgresql', 'db.operation.name': 'commit' }
    attributes['flowcraft.run.id'] = runId
    attributes['flowcraft.node.id'] = nodeId
    if (this.#options.worker !== undefined) attributes['flowcraft.worker'] = this.#options.worker
    if (isPublish && this.#onlyQueue !== undefined) attributes[DESTINATION] = this.#onlyQueue
    const kind = isPublish ? SpanKind.PRODUCER : SpanKind.CLIENT
    tracer
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
    const tracer = this.#collector.tracer ?? trace.getTracer(SCOPE)
    const span = tracer.startSpan(blueprintId ? `${what} ${blueprintId}` : what, {
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

  /** Nobody collects spans here: a trace that is one for the whole run goes on past this job. */
  #passOn<A extends TracedAnswer>(job: TracedJob, answer: A): A {
    const cause = spanContextOf(job.headers?.[TRACEPARENT])
    return this.#options.mode === 'parent' && cause ? { ...answer, trace: traceparentOf(cause) } : answer
  }

  /** The span of a message that is processed. */
  #process(tracer: Tracer, job: TracedJob): Span {
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api
    const cause = spanContextOf(job.headers?.[TRACEPARENT])
    const other = spanContextOf(job.headers?.[LINK])
    const isChild = this.#options.mode === 'parent' && cause !== undefined
    const links: Link[] = []
    if (cause && !isChild) links.push({ context: cause })
    if (other) links.push({ context: other })
    const attributes: Attributes = this.#attributesOf(job)
    attributes['messaging.system'] = 'rabbitmq'
    attributes['messaging.operation.name'] = 'process'
    attributes['messaging.operation.type'] = 'process'
    attributes[DESTINATION] = this.#options.queueOf(job.blueprintId)
    const parent = isChild ? trace.setSpanContext(ROOT_CONTEXT, cause) : ROOT_CONTEXT
    return tracer.startSpan('process jobs', { kind: SpanKind.CONSUMER, attributes, links }, parent)
  }

  /** The span of the node, within that of its message. */
  #node(tracer: Tracer, job: TracedJob, process: Span): Span {
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api
    const options = { kind: SpanKind.INTERNAL, attributes: this.#attributesOf(job) }
    return tracer.startSpan(`${job.blueprintId}/${job.nodeId}`, options, trace.setSpan(ROOT_CONTEXT, process))
  }

  #attributesOf({ runId, blueprintId, nodeId, attempt }: TracedJob): Attributes {
    const attributes: Attributes = {
      'flowcraft.run.id': runId,
      'flowcraft.blueprint.id': blueprintId,
      'flowcraft.node.id': nodeId,
      'flowcraft.node.attempt': attempt,
    }
    if (this.#options.worker !== undefined) attributes['flowcraft.worker'] = this.#options.worker
    return attributes
  }

  #note(node: Span, { outcome, message }: TracedAnswer): void {
    node.setAttribute('flowcraft.node.outcome', outcome)
    if (outcome !== 'failed' && outcome !== 'retry') return
    const { SpanStatusCode } = this.#api
    node.setAttribute('error.type', outcome)
    node.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) })
  }
}

function operation(name: string, type: 'send' | 'create'): Attributes {
  return { 'messaging.system': 'rabbitmq', 'messaging.operation.name': name, 'messaging.operation.type': type }
}
