// A client that starts one run and says so. A fault point of the engine may kill it on the way.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { greeting } from '../support/clients.js'

const { runId, ...options } = JSON.parse(process.env.SETTINGS)
const client = createRabbitMqClient({ ...options, blueprints: { greeting }, logger: new NullLogger() })
await client.start('greeting', { runId, context: { name: runId } })
process.stdout.write('started\n')
