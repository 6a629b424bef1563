// This package with a history of executions: what that costs. It takes part only where it is named.
import { nodeWorker } from '../support/worker-process.js'
import ours from './ours.js'

const worker = nodeWorker(new URL('../workers/ours.js', import.meta.url))

export default {
  ...ours,
  id: 'history',
  title: 'the same, with a history',
  settingOf: 'ours',
  worker: () => ({ ...worker, args: [...worker.args, '--history'] }),
}
