/** The servers of a worker, from its options. Nothing is opened yet. */
import { memoryOfStore } from '../api/redis-coordination-store.js'
import type { Broker, Database } from '../bridge/native.js'
import { openBroker } from '../connections/amqp.js'
import { openDatabase } from '../connections/postgres.js'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'
import type { CheckedOptions } from '../options/adapter-schema.js'
import { memoryName, refuseMixture } from '../options/memory.js'

export interface WorkerServers {
  readonly broker: Broker
  readonly database: Database
  /** They are in the memory of this process. */
  readonly areInMemory: boolean
}

/** @throws TypeError where some are in memory and others are not. */
export function serversOf(
  { coordinationStore }: Pick<RabbitMqAdapterOptions, 'coordinationStore'>,
  {
    amqpConnection,
    pgClient,
    queueType,
    maxPriority,
    connectTimeout,
    publishTimeout,
    statementTimeout,
  }: CheckedOptions,
): WorkerServers {
  const memory = memoryName(amqpConnection)
  refuseMixture({ amqpConnection: memory, pgClient: memoryName(pgClient), ...memoryOfStore(coordinationStore) })
  return {
    broker: openBroker(amqpConnection, { queueType, maxPriority, connectTimeout, publishTimeout }),
    database: openDatabase(pgClient, 'pgClient', { connectTimeout, statementTimeout }),
    areInMemory: memory !== undefined,
  }
}
