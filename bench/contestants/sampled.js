// The same as `sdk` where one trace in twenty is kept, as busy applications do. It takes part only where it is named.
import { nodeWorker } from '../support/worker-process.js'
import ours from './ours.js'

export default {
  ...ours,
  id: 'sampled',
  title: 'one trace in twenty kept',
  settingOf: 'ours',
  worker: () => nodeWorker(new URL('../workers/ours.js', import.meta.url), ['sampled']),
}
