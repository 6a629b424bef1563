// The stand-in for version 1: a worker on core's own class. Its clients write the version, or it runs nothing.
import { Tables } from '../support/tables.js'
import { nodeWorker } from '../support/worker-process.js'
import { startMessage } from './ours.js'

export default {
  id: 'version-1',
  once: true,
  title: 'version 1 (stand-in)',
  share: 0.1,
  settings: [{ concurrency: 10 }, { concurrency: 50 }, { concurrency: 200 }],
  worker: () => nodeWorker(new URL('../workers/version-1.js', import.meta.url)),
  open: (world) => new Tables(world, { message: startMessage, context: { blueprintVersion: null } }).open(),
}
