// A worker on core's `BaseDistributedAdapter`, the one the tests share their queues with.
import { PlainWorker } from '../../__test__/fixtures/plain-worker.js'
import { contest, runtimeOptions, serve } from './serve.js'

const { name, urls, setting } = contest
const worker = await PlainWorker.start({
  runtimeOptions: runtimeOptions(),
  ...urls,
  queue: name,
  contexts: `${name}.contexts`,
  statuses: `${name}.statuses`,
  prefetch: setting.concurrency,
})
await serve({ stop: () => worker.stop() })
