/** Groups of the options of a `RabbitMqAdapter`. */

/** What belongs together, in the order of the documentation. */
export const GROUPS = {
  workflows: 'Workflows',
  servers: 'Servers and tables',
  queues: 'Queues',
  worker: 'The worker',
  retries: 'Retries',
  recovery: 'Faults and recovery',
  webhooks: 'Webhooks',
  telemetry: 'Telemetry',
} as const

/** A schema whose options say what they belong to. */
export type Grouped<S> = { readonly [K in keyof S]: S[K] & { readonly group: keyof typeof GROUPS } }
