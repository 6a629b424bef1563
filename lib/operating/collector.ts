/** Whoever collects spans in this process, if anyone does. */
import type { Tracer, TracerProvider } from '@opentelemetry/api'
import { type Api, SCOPE } from './open-telemetry.js'

export class Collector {
  readonly #api: Api
  /** Where spans go in a process that has started no SDK. */
  readonly #nowhere: TracerProvider
  #provider: TracerProvider | undefined
  #tracer: Tracer | undefined

  constructor(api: Api) {
    this.#api = api
    this.#nowhere = new api.ProxyTracerProvider().getDelegate()
  }

  /** Nothing where nobody collects them. Asked for each time: the user's SDK may be started after the adapter is made. */
  get tracer(): Tracer | undefined {
    const told = this.#api.trace.getTracerProvider()
    const provider = told instanceof this.#api.ProxyTracerProvider ? told.getDelegate() : told
    if (provider !== this.#provider) {
      this.#provider = provider
      this.#tracer = provider === this.#nowhere ? undefined : provider.getTracer(SCOPE)
    }
    return this.#tracer
  }
}
