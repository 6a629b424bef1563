// This package with spans and metrics that an SDK of OpenTelemetry collects in batches, and that nobody sends anywhere. It
// takes part only where it is named.
import { nodeWorker } from '../support/worker-process.js'
import ours from './ours.js'

export default {
  ...ours,
  id: 'sdk',
  title: 'telemetry with an SDK',
  settingOf: 'ours',
  worker: () => nodeWorker(new URL('../workers/ours.js', import.meta.url), ['sdk']),
}
