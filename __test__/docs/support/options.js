// The examples of options: each names its option and gives it a value, which is read as the option reads it.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createAesCodec, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { ConsoleLogger, createFlow, JsonSerializer } from 'flowcraft'
import { ADAPTER_SCHEMA } from '../../../dist/options/adapter-schema.js'
import { AMQP_SCHEMA } from '../../../dist/options/amqp.js'
import { CLIENT_SCHEMA } from '../../../dist/options/client.js'
import { describeOptions } from '../../../dist/options/describe.js'
import { HISTORY_SCHEMA } from '../../../dist/options/history.js'
import { LIMIT_RATE_SCHEMA, LIMIT_SCHEMA } from '../../../dist/options/limits.js'
import { MIGRATE_SCHEMA, MIGRATION_STATUS_SCHEMA } from '../../../dist/options/migrate.js'
import { POSTGRES_SCHEMA } from '../../../dist/options/postgres.js'
import { POSTGRES_CONTEXT_SCHEMA } from '../../../dist/options/postgres-context.js'
import { RECONCILER_SCHEMA } from '../../../dist/options/reconciler.js'
import { REDIS_SCHEMA } from '../../../dist/options/redis.js'
import { RETENTION_SCHEMA } from '../../../dist/options/retention.js'
import { TELEMETRY_SCHEMA } from '../../../dist/options/telemetry.js'
import { TLS_SCHEMA } from '../../../dist/options/tls.js'
import { WEBHOOK_SCHEMA } from '../../../dist/options/webhook.js'

const SCHEMAS = {
  RabbitMqAdapterOptions: ADAPTER_SCHEMA,
  WebhookOptions: WEBHOOK_SCHEMA,
  RetentionOptions: RETENTION_SCHEMA,
  HistoryOptions: HISTORY_SCHEMA,
  LimitOptions: LIMIT_SCHEMA,
  LimitRate: LIMIT_RATE_SCHEMA,
  TelemetryOptions: TELEMETRY_SCHEMA,
  AmqpOptions: AMQP_SCHEMA,
  PostgresOptions: POSTGRES_SCHEMA,
  RedisOptions: REDIS_SCHEMA,
  TlsOptions: TLS_SCHEMA,
  RabbitMqClientOptions: CLIENT_SCHEMA,
  RabbitMqReconcilerOptions: RECONCILER_SCHEMA,
  PostgresContextOptions: POSTGRES_CONTEXT_SCHEMA,
  MigrateOptions: MIGRATE_SCHEMA,
  MigrationStatusOptions: MIGRATION_STATUS_SCHEMA,
}

const CERTIFICATES = new URL('../../security/certificates/', import.meta.url)
const KEY = randomBytes(32).toString('base64')

/** What examples of options name. */
const SCOPE = {
  createAesCodec,
  RedisCoordinationStore,
  ConsoleLogger,
  SuperJsonSerializer: JsonSerializer,
  readFileSync: (name) => readFileSync(new URL(name, CERTIFICATES)),
  readSecret: () => 'secret',
  isFromProvider: () => true,
  flow: createFlow('order').node('charge', () => ({ output: 1 })),
  charge: () => ({ output: 1 }),
  adapter: { reconcile: async () => new Set() },
  process: {
    env: {
      PAYMENTS_KEY: KEY,
      WEBHOOK_SECRET: 'the secret of these webhooks',
      DATABASE_URL: 'postgresql://localhost/shop',
      RABBITMQ_PASSWORD: 'pass',
      REDIS_PASSWORD: 'pass',
      SENTINEL_PASSWORD: 'pass',
    },
  },
}

/** Every option: its name with that of its type, its example, and what reads it. */
export const optionExamples = describeOptions().flatMap(({ type, options }) =>
  options.map(({ name, example }) => ({
    title: `${type}.${name}`,
    name,
    read: () => {
      const given = new Function(...Object.keys(SCOPE), `return { ${example} }`)(...Object.values(SCOPE))
      return [given, SCHEMAS[type][name].takes.read(given[name], name)]
    },
  })),
)
