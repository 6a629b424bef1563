// A worker process, told where its servers are. SIGTERM stops it as a deployment would.
import { fleetAdapter } from './flows.js'

const adapter = fleetAdapter(JSON.parse(process.env.SETTINGS))
adapter.start()
console.log('started')
process.once('SIGTERM', async () => {
  await adapter.stop()
  console.log('stopped')
})
