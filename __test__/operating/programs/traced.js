// A run from its start to its end, for the trace that the engine prints.
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'

const flows = { traced: createFlow('traced').node('first', () => ({ output: 1 })) }
const env = await createTestEnvironment({ flows })
const run = await env.client.start('traced', { runId: 'r' })
await env.expectRun(run).toHaveCompleted()
// A job that is late: the engine says that there is nothing to do for it.
await env.adapter.reconcile('r')
const late = { runId: 'r', blueprintId: 'traced', nodeId: 'first', round: 1 }
await env.adapter.enqueueJob(late)
await env.settle()
await env.close()
