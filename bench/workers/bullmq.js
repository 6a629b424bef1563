// A worker as the page of the BullMQ adapter shows it. The adapter fixes its concurrency at 5; BullMQ lets it be
// changed while the worker runs, and more is faster.
import { BullMQAdapter, RedisCoordinationStore } from '@flowcraft/bullmq-adapter'
import { Redis } from 'ioredis'
import { contest, runtimeOptions, serve } from './serve.js'

const { name, urls, setting } = contest
const connection = new Redis(urls.redis, { maxRetriesPerRequest: null })
const adapter = new BullMQAdapter({
  runtimeOptions: runtimeOptions(),
  coordinationStore: new RedisCoordinationStore(connection),
  connection,
  queueName: name,
})
adapter.start()
if (setting.concurrency !== undefined) adapter.worker.concurrency = setting.concurrency
await adapter.worker.waitUntilReady()
await serve({
  async stop() {
    await adapter.close()
    connection.disconnect()
  },
})
