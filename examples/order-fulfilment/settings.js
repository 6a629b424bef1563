// Where the servers are, and which queue and tables the orders use. Workers and clients must agree on these.

/** @param {NodeJS.ProcessEnv} env */
export function settingsFrom(env) {
  const schema = env.ORDERS_SCHEMA ?? 'public'
  return {
    amqpUrl: env.AMQP_URL ?? 'amqp://localhost',
    databaseUrl: env.DATABASE_URL ?? 'postgresql://localhost/postgres',
    redisUrl: env.REDIS_URL ?? 'redis://localhost',
    queueName: env.ORDERS_QUEUE ?? 'orders',
    contextTableName: `${schema}.flowcraft_contexts`,
    statusTableName: `${schema}.flowcraft_statuses`,
  }
}
