// The adapter that workers and clients of these tests are made of. What it imports is the version whose package this file
// stands in.
import { appendFileSync } from 'node:fs'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { Executions } from '../../fixtures/executions.js'
import { flowsFor } from './flows.js'
import { Gates } from './gates.js'
import { generatedFlows } from './generated.js'

/** With the protected methods that a subclass of a user may call. */
class Adapter extends RabbitMqAdapter {
  enqueue(job) {
    return this.enqueueJob(job)
  }

  contextOf(runId) {
    return this.createContext(runId).toJSON()
  }
}

/** Notes each final result, unless its receiver is away. */
function publishing(file, gates, worker) {
  return class extends Adapter {
    async publishFinalResult(runId, result) {
      if (gates.isShut(runId, 'receiver')) throw new Error('the receiver is away')
      appendFileSync(`${file}.results`, `${JSON.stringify({ run: runId, worker, result })}\n`)
      await super.publishFinalResult(runId, result)
    }
  }
}

/**
 * @param {object} settings the adapter's options that are JSON, and
 * @param {string} settings.name what its executions are noted under
 * @param {string} settings.file where they are noted
 * @param {string[]} [settings.without] flows it does not have
 * @param {boolean} [settings.publishes] whether it overrides `publishFinalResult`
 * @param {number[]} [settings.seeds] of generated flows that it has instead
 */
export function adapterFor({ name, file, redis, without = [], publishes = false, seeds, ...settings }) {
  const gates = new Gates(file)
  const executions = new Executions(file)
  const runtime = seeds ? generatedFlows({ seeds, file, worker: name }) : flowsFor({ executions, gates, worker: name })
  for (const id of without) delete runtime.blueprints[id]
  const Chosen = publishes ? publishing(file, gates, name) : Adapter
  return new Chosen({
    ...settings,
    runtimeOptions: {
      ...runtime,
      logger: { debug: () => {}, info: () => {}, warn: console.error, error: console.error },
    },
    coordinationStore: new RedisCoordinationStore(redis),
  })
}
