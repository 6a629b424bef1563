// `@flowcraft/bullmq-adapter`: jobs and state in the memory of Redis, which writes nothing to disk here. That is less
// than everyone else does, and is left to its favour. It runs five nodes at a time, and its options say nothing of that.
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expected, flowId, startNode } from '../flows.js'
import { untilEnded } from '../support/ends.js'
import { nodeWorker } from '../support/worker-process.js'

export default {
  id: 'bullmq',
  title: 'BullMQ adapter',
  settings: [{ concurrency: 5 }],
  worker: () => nodeWorker(new URL('../workers/bullmq.js', import.meta.url)),
  open: async (world) => new Client(world),
  caller: openCaller,
}

/** A queue as an application has it: it keeps nothing of a run but its job. */
async function openCaller(world) {
  const queue = new Queue(world.name, { connection: new Redis(world.urls.redis, { maxRetriesPerRequest: null }) })
  return {
    startMany: (runs, context) =>
      queue.addBulk(runs.map((runId) => ({ name: 'called', data: { runId, ...context }, opts: { jobId: runId } }))),
    count: () => queue.getWaitingCount(),
    async close() {
      await queue.obliterate({ force: true })
      const redis = await queue.client
      await queue.close()
      redis.disconnect()
    },
  }
}

const state = (run) => `workflow:state:${run}`
const status = (run) => `workflow:status:${run}`

class Client {
  #runs = []

  constructor(world) {
    this.world = world
    this.redis = new Redis(world.urls.redis, { maxRetriesPerRequest: null })
    this.queue = new Queue(world.name, { connection: this.redis })
  }

  async insert(runs, _flow, context) {
    this.#runs.push(...runs)
    // As for version 1: without the version, the first job of a run is refused.
    const fields = { blueprintVersion: null, ...context }
    const values = Object.entries(fields).flatMap(([key, value]) => [key, JSON.stringify(value)])
    const pipeline = this.redis.pipeline()
    for (const run of runs) pipeline.hset(state(run), ...values)
    await pipeline.exec()
  }

  async start(runs, flow) {
    const blueprintId = flowId(flow)
    const nodeId = startNode(flow)
    const removal = { removeOnComplete: { age: 3600 * 24 * 7 }, removeOnFail: { age: 3600 * 24 * 15 } }
    await this.queue.addBulk(
      runs.map((runId) => ({
        name: 'executeNode',
        data: { runId, blueprintId, nodeId },
        opts: { jobId: `${runId}_${nodeId}`, ...removal },
      })),
    )
  }

  async finish(runs) {
    const ended = async (some) => {
      const values = await this.redis.mget(some.map(status))
      return some.filter((_, i) => values[i] !== null)
    }
    await untilEnded(runs, ended, () => this.world.worker.ended)
  }

  async wrong(runs, flow) {
    const { node, output, outputs } = expected(flow)
    let right = 0
    for (const run of runs) {
      const result = JSON.parse(await this.redis.get(status(run)))
      const keys = await this.redis.hkeys(state(run))
      const last = await this.redis.hget(state(run), `_outputs.${node}`)
      const count = keys.filter((key) => key.startsWith('_outputs.')).length
      if (result.status === 'completed' && last === JSON.stringify(output) && count === outputs) right += 1
    }
    return runs.length - right
  }

  async close() {
    await this.queue.obliterate({ force: true })
    for (const run of this.#runs) await this.redis.unlink(state(run), status(run))
    await this.queue.close()
    this.redis.disconnect()
  }
}
