/**
 * Options of a `RabbitMqAdapter`: the one place that says what each takes, what holds without it, and what it means. A new
 * option is an entry in the file of its group in `adapter/`, its type in `adapter.ts`, and the place that uses it; one that
 * the engine reads is also a field in `src/bridge/settings.rs`, which becomes one in `src/worker/settings.rs`, and the
 * simulation chooses it in `src/simulation/engines.rs`. `npm run options` writes the documentation.
 */
import { RECOVERY_OPTIONS } from './adapter/recovery.js'
import { SERVER_OPTIONS } from './adapter/servers.js'
import { OUTSIDE_OPTIONS } from './adapter/webhooks-and-telemetry.js'
import { WORKER_OPTIONS } from './adapter/worker.js'
import { WORKFLOW_OPTIONS } from './adapter/workflows.js'
import type { RabbitMqAdapterOptions } from './adapter.js'
import type { Grouped } from './groups.js'
import { invalidOption } from './invalid.js'
import { type AnySchema, type Checked, check, type Schema } from './schema.js'

export const ADAPTER_SCHEMA = {
  ...WORKFLOW_OPTIONS,
  ...SERVER_OPTIONS,
  ...WORKER_OPTIONS,
  ...RECOVERY_OPTIONS,
  ...OUTSIDE_OPTIONS,
} as const satisfies Grouped<Schema<RabbitMqAdapterOptions>>

export type CheckedOptions = Checked<typeof ADAPTER_SCHEMA>

/** Refuses what cannot work, before anything is opened. */
export function checkOptions(options: RabbitMqAdapterOptions): CheckedOptions {
  const checked = check(ADAPTER_SCHEMA, options)
  const known = [checked.queueName, ...Object.values(checked.queues)]
  if (checked.consume?.some((queue) => !known.includes(queue)))
    throw invalidOption('consume', ADAPTER_SCHEMA.consume.takes.accepts)
  return checked
}

/** The queues that a started adapter takes jobs from. */
export function queuesOf({ queueName, queues, consume }: CheckedOptions): readonly string[] {
  return consume ?? [...new Set([queueName, ...Object.values(queues)])]
}

/** What the engine reads of the options. */
export function engineOptions(checked: CheckedOptions): Partial<CheckedOptions> {
  const schema: AnySchema = ADAPTER_SCHEMA
  return Object.fromEntries(Object.entries(checked).filter(([name]) => schema[name]?.engine))
}
