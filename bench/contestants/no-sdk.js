// This package with its telemetry on in a process that has no SDK of OpenTelemetry: what the option costs by itself. It takes
// part only where it is named.
import { nodeWorker } from '../support/worker-process.js'
import ours from './ours.js'

export default {
  ...ours,
  id: 'no-sdk',
  title: 'telemetry without an SDK',
  // Two changes at a time would tell of neither.
  settingOf: 'ours',
  worker: () => nodeWorker(new URL('../workers/ours.js', import.meta.url), ['no-sdk']),
}
