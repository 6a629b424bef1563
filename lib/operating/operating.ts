/** What those who operate a worker see of it: its health, its metrics, its traces. */

import { fromJson } from '../bridge/json.js'
import type { Broker, Engine } from '../bridge/native.js'
import type { AdapterEventBus, WorkerPayload } from '../options/event-bus.js'
import type { CheckedTelemetry } from '../options/telemetry.js'
import { type Health, Readiness, readHealth } from './health.js'
import { openTelemetry } from './open-telemetry.js'
import { areMetricsTaken, tellMetrics } from './otel-metrics.js'
import { type Handler, healthHandler, textHandler } from './probes.js'
import { CONTENT_TYPE, prometheusText } from './prometheus.js'
import { QueueReadings } from './queues.js'
import { gaugesOf, gaugesOfQueues, type QueueReading, type Readings, type Sample } from './readings.js'
import type { Spans } from './spans.js'
import { Tracing, type TracingOptions } from './tracing.js'

/** What a worker is to those who operate it. */
export interface Operated extends WorkerPayload {
  readonly broker: Broker
  readonly queues: readonly string[]
  readonly eventBus: AdapterEventBus | undefined
  readonly telemetry: CheckedTelemetry
}

/** The one who collects traces, if the option asks for one. */
export function spansFor(
  { traces }: Pick<CheckedTelemetry, 'traces'>,
  of: Omit<TracingOptions, 'mode'>,
): Spans | undefined {
  if (traces === 'off') return undefined
  return new Tracing(openTelemetry('telemetry.traces'), { mode: traces, ...of })
}

export class Operating {
  readonly readiness: Readiness
  readonly #engine: Engine
  readonly #of: Operated
  readonly #queues: QueueReadings
  #tells: (() => void) | undefined
  #hasEnded: (() => void) | undefined

  constructor(engine: Engine, of: Operated) {
    this.readiness = new Readiness(engine)
    this.#engine = engine
    this.#of = of
    this.#queues = new QueueReadings(of.broker, of.queues)
    if (!of.telemetry.metrics) return
    const api = openTelemetry('telemetry.metrics')
    this.#measure(false)
    this.#tells = () => {
      if (!areMetricsTaken(api)) return
      this.#measure(true)
      this.#hasEnded ??= tellMetrics(api, {
        readings: () => this.#readings,
        samples: () => fromJson(engine.takeSamples()) as Sample[],
        health: () => this.readiness.health,
        queues: (readings) => this.#lookAtQueues(readings),
      })
    }
  }

  get health(): Health {
    return this.readiness.health
  }

  healthHandler(): Handler {
    return healthHandler(() => this.health)
  }

  /** Counts from now on. */
  metricsHandler(): Handler {
    this.#measure(false)
    return textHandler(() => this.#text(), CONTENT_TYPE)
  }

  /** The worker was started. */
  starts(): void {
    this.#tells?.()
  }

  /** The worker has stopped. */
  async ends(): Promise<void> {
    this.#hasEnded?.()
    this.#hasEnded = undefined
    await this.#of.eventBus?.emit({ type: 'worker:stopped', payload: this.#payload })
  }

  /** The engine tells that the worker takes jobs, or has lost what it needs for that. */
  async hear(readiness: 'ready' | 'reconnecting', health: unknown): Promise<void> {
    if (readiness === 'ready') {
      this.readiness.isReady()
      await this.#of.eventBus?.emit({ type: 'worker:ready', payload: this.#payload })
      return
    }
    const { reasons } = readHealth(health)
    await this.#of.eventBus?.emit({ type: 'worker:reconnecting', payload: { ...this.#payload, reasons } })
  }

  get #payload(): WorkerPayload {
    const { queueName, worker } = this.#of
    return { queueName, worker }
  }

  get #readings(): Readings {
    return fromJson(this.#engine.readings()) as Readings
  }

  #measure(samples: boolean): void {
    this.#engine.measure(this.#of.telemetry.maxBlueprints, samples)
  }

  async #text(): Promise<string> {
    const { health } = this
    const readings = this.#readings
    const queues = await this.#lookAtQueues(readings)
    return prometheusText(readings, [...gaugesOf(readings, health), ...gaugesOfQueues(queues)])
  }

  /** One that takes no jobs opens no connection for this. */
  async #lookAtQueues({ youngest }: Readings): Promise<QueueReading[]> {
    return this.health.ready ? this.#queues.read(youngest) : []
  }
}
