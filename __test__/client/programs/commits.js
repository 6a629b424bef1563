// A client that starts a run within a transaction, commits it, and dies at once.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import pg from 'pg'
import { greeting } from '../support/clients.js'

const { runId, database, ...options } = JSON.parse(process.env.SETTINGS)
const client = createRabbitMqClient({ ...options, blueprints: { greeting }, logger: new NullLogger() })
const transaction = new pg.Client({ connectionString: database })
await transaction.connect()
await transaction.query('BEGIN')
await client.start('greeting', { runId, context: { name: runId }, transaction })
await transaction.query('COMMIT')
process.kill(process.pid, 'SIGKILL')
