// A client that starts one run, or another again from its last node, or cancels one, and says so. A fault point of the engine
// may kill it on the way. With `runIds` it starts all of them, some at a time.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { greeting } from '../support/clients.js'

const { runId, runIds, again, cancelled, ...options } = JSON.parse(process.env.SETTINGS)
const client = createRabbitMqClient({ ...options, blueprints: { greeting }, logger: new NullLogger() })
const start = (id) => client.start('greeting', { runId: id, context: { name: id } })

/** How many runs are started at a time. */
const AT_A_TIME = 4
for (let from = 0; from < (runIds?.length ?? 0); from += AT_A_TIME) {
  await Promise.all(runIds.slice(from, from + AT_A_TIME).map(start))
}
if (cancelled !== undefined) await client.run(cancelled).cancel('enough')
else if (again !== undefined) await client.run(again).rerunFrom('shout', { runId })
else if (runId !== undefined) await start(runId)
process.stdout.write('started\n')
