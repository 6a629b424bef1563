// A client that starts one run, or another again from its last node, or cancels one, and says so. A fault point of the engine
// may kill it on the way.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { greeting } from '../support/clients.js'

const { runId, again, cancelled, ...options } = JSON.parse(process.env.SETTINGS)
const client = createRabbitMqClient({ ...options, blueprints: { greeting }, logger: new NullLogger() })
if (cancelled !== undefined) await client.run(cancelled).cancel('enough')
else if (again === undefined) await client.start('greeting', { runId, context: { name: runId } })
else await client.run(again).rerunFrom('shout', { runId })
process.stdout.write('started\n')
