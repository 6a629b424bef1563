/** The options as plain data, for whoever shows them to people: the documentation, the command line's help. */
import { ADAPTER_SCHEMA } from './adapter-schema.js'
import { AMQP_SCHEMA } from './amqp.js'
import { CLIENT_SCHEMA } from './client.js'
import { GROUPS } from './groups.js'
import { HISTORY_SCHEMA } from './history.js'
import { LIMIT_RATE_SCHEMA, LIMIT_SCHEMA } from './limits.js'
import { MIGRATE_SCHEMA, MIGRATION_STATUS_SCHEMA } from './migrate.js'
import { POSTGRES_SCHEMA } from './postgres.js'
import { POSTGRES_CONTEXT_SCHEMA } from './postgres-context.js'
import { RECONCILER_SCHEMA } from './reconciler.js'
import { REDIS_SCHEMA } from './redis.js'
import { RETENTION_SCHEMA } from './retention.js'
import type { AnyOption, AnySchema, Bounds } from './schema.js'
import { TELEMETRY_SCHEMA } from './telemetry.js'
import { TLS_SCHEMA } from './tls.js'
import { WEBHOOK_SCHEMA } from './webhook.js'

/** An options object. */
export interface DescribedObject {
  title: string
  words: string
  /** Its TypeScript type, and the file of it in `lib/options/`. */
  type: string
  file: string
  options: DescribedOption[]
}

export interface DescribedOption extends Bounds {
  name: string
  /** Whole sentences. */
  words: string
  /** Completes the sentence "expected …". */
  accepts: string
  required: boolean
  default?: unknown
  otherwise?: string
  example: string
  group?: string
}

/** Every options object of the package; the adapter's comes first. */
export function describeOptions(): DescribedObject[] {
  return OBJECTS.map(({ schema, ...object }) => ({
    ...object,
    options: Object.entries(schema).map(([name, option]) => described(name, option)),
  }))
}

interface Described extends Omit<DescribedObject, 'options'> {
  schema: AnySchema
}

const OBJECTS: Described[] = [
  {
    title: 'RabbitMqAdapter',
    words: 'The argument of `new RabbitMqAdapter(options)`.',
    type: 'RabbitMqAdapterOptions',
    file: 'adapter.ts',
    schema: ADAPTER_SCHEMA,
  },
  {
    title: 'Webhooks',
    words: 'The option `webhook` of an adapter.',
    type: 'WebhookOptions',
    file: 'webhook.ts',
    schema: WEBHOOK_SCHEMA,
  },
  {
    title: 'Retention',
    words: 'The option `retention` of an adapter.',
    type: 'RetentionOptions',
    file: 'retention.ts',
    schema: RETENTION_SCHEMA,
  },
  {
    title: 'History',
    words: 'The option `history` of an adapter, where it is an object.',
    type: 'HistoryOptions',
    file: 'history.ts',
    schema: HISTORY_SCHEMA,
  },
  {
    title: 'Limits',
    words: 'Each entry of the option `limits` of an adapter.',
    type: 'LimitOptions',
    file: 'limits.ts',
    schema: LIMIT_SCHEMA,
  },
  {
    title: 'Rates',
    words: 'The `rate` of a limit.',
    type: 'LimitRate',
    file: 'limits.ts',
    schema: LIMIT_RATE_SCHEMA,
  },
  {
    title: 'Telemetry',
    words: 'The option `telemetry` of an adapter or a client.',
    type: 'TelemetryOptions',
    file: 'telemetry.ts',
    schema: TELEMETRY_SCHEMA,
  },
  {
    title: 'RabbitMQ',
    words: 'The option `amqpConnection` of an adapter, where it is an object.',
    type: 'AmqpOptions',
    file: 'amqp.ts',
    schema: AMQP_SCHEMA,
  },
  {
    title: 'PostgreSQL',
    words: 'The option `pgClient` (`client` of a `PostgresContext`), where it is an object.',
    type: 'PostgresOptions',
    file: 'postgres.ts',
    schema: POSTGRES_SCHEMA,
  },
  {
    title: 'Redis',
    words: 'The argument of `new RedisCoordinationStore(redis)`, where it is an object.',
    type: 'RedisOptions',
    file: 'redis.ts',
    schema: REDIS_SCHEMA,
  },
  {
    title: 'TLS',
    words: 'The options `ssl` of PostgreSQL, and `tls` and `sentinelTLS` of Redis, where they are objects.',
    type: 'TlsOptions',
    file: 'tls.ts',
    schema: TLS_SCHEMA,
  },
  {
    title: 'createRabbitMqClient',
    words: 'The argument of `createRabbitMqClient(options)`.',
    type: 'RabbitMqClientOptions',
    file: 'client.ts',
    schema: CLIENT_SCHEMA,
  },
  {
    title: 'createRabbitMqReconciler',
    words: 'The argument of `createRabbitMqReconciler(options)`.',
    type: 'RabbitMqReconcilerOptions',
    file: 'reconciler.ts',
    schema: RECONCILER_SCHEMA,
  },
  {
    title: 'PostgresContext',
    words: 'The second argument of `new PostgresContext(runId, options)`.',
    type: 'PostgresContextOptions',
    file: 'postgres-context.ts',
    schema: POSTGRES_CONTEXT_SCHEMA,
  },
  {
    title: 'migrate',
    words: 'The argument of `migrate(options)`.',
    type: 'MigrateOptions',
    file: 'migrate.ts',
    schema: MIGRATE_SCHEMA,
  },
  {
    title: 'migrationStatus',
    words: 'The argument of `migrationStatus(options)`.',
    type: 'MigrationStatusOptions',
    file: 'migrate.ts',
    schema: MIGRATION_STATUS_SCHEMA,
  },
]

function described(name: string, option: AnyOption): DescribedOption {
  const { takes, words, required = false, otherwise, example, group } = option
  const { accepts, from, to, unit, choices } = takes
  return {
    name,
    words,
    accepts,
    required,
    ...(option.default !== undefined && { default: option.default }),
    ...(otherwise !== undefined && { otherwise }),
    example,
    ...(group !== undefined && { group: GROUPS[group as keyof typeof GROUPS] }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(unit && { unit }),
    ...(choices && { choices }),
  }
}
