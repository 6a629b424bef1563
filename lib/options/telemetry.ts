/** `telemetry`: what a worker or a client tells OpenTelemetry. */
import { flag, oneOf, wholeNumber } from './kinds.js'
import { type Checked, check, type Schema } from './schema.js'

/** Options of telemetry. */
export interface TelemetryOptions {
  /**
   * Whether spans are told to OpenTelemetry (`@opentelemetry/api`), and how those of a run belong together. `links`:
   * each job is a trace of its own, which links to what led to it. `parent`: all of a run is one trace, however long
   * it takes. Give every worker and every client the same.
   *
   * @defaultValue `'off'`
   *
   * @example
   * ```ts
   * traces: 'links'
   * ```
   */
  traces?: 'off' | 'links' | 'parent'
  /**
   * Whether metrics are told to OpenTelemetry (`@opentelemetry/api`) while the worker is started. `metricsHandler()`
   * needs neither this nor the package.
   *
   * @defaultValue `false`
   *
   * @example
   * ```ts
   * metrics: true
   * ```
   */
  metrics?: boolean
  /**
   * How many blueprints metrics tell apart. All others are counted together, as `other`.
   *
   * @defaultValue `100`
   *
   * @example
   * ```ts
   * maxBlueprints: 20
   * ```
   */
  maxBlueprints?: number
}

export const TELEMETRY_SCHEMA = {
  traces: {
    takes: oneOf(['off', 'links', 'parent']),
    words:
      'Whether spans are told to OpenTelemetry (`@opentelemetry/api`), and how those of a run belong together. `links`: each ' +
      'job is a trace of its own, which links to what led to it. `parent`: all of a run is one trace, however long it takes. ' +
      'Give every worker and every client the same.',
    default: 'off',
    example: "traces: 'links'",
  },
  metrics: {
    takes: flag(),
    words:
      'Whether metrics are told to OpenTelemetry (`@opentelemetry/api`) while the worker is started. `metricsHandler()` ' +
      'needs neither this nor the package.',
    default: false,
    example: 'metrics: true',
  },
  maxBlueprints: {
    takes: wholeNumber({ from: 1, to: 10_000 }),
    words: 'How many blueprints metrics tell apart. All others are counted together, as `other`.',
    default: 100,
    example: 'maxBlueprints: 20',
  },
} as const satisfies Schema<TelemetryOptions>

/** The option with its defaults. */
export type CheckedTelemetry = Checked<typeof TELEMETRY_SCHEMA>

/** The option as it was checked, or its defaults. */
export function checkedTelemetry(telemetry: CheckedTelemetry | undefined): CheckedTelemetry {
  return telemetry ?? check(TELEMETRY_SCHEMA, {})
}
