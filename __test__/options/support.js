// Options that work, of which a test changes one. Nothing here needs a server: a constructor opens no connection.
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'

export function valid(changed = {}) {
  return {
    runtimeOptions: { blueprints: {}, registry: {}, logger: new NullLogger() },
    coordinationStore: new RedisCoordinationStore('redis://localhost'),
    amqpConnection: 'amqp://localhost',
    pgClient: 'postgres://localhost/db',
    contextTableName: 'contexts',
    statusTableName: 'statuses',
    ...changed,
  }
}

/** What the logger of an adapter made with these options is warned of. */
export function warningsOf(changed) {
  const warnings = []
  const logger = Object.assign(new NullLogger(), { warn: (line) => warnings.push(line) })
  new RabbitMqAdapter(valid({ runtimeOptions: { blueprints: {}, registry: {}, logger }, ...changed }))
  return warnings
}

/** The error of a refused option. */
export const refusal = (option) => (error) =>
  error instanceof TypeError && error.message.startsWith(`Invalid option '${option}': expected `)
