// A worker process of the version it stands in. SIGTERM stops it as a deployment would.
import { adapterFor } from './adapter.js'

const say = (line) => process.stdout.write(`${line}\n`)
const adapter = adapterFor(JSON.parse(process.env.SETTINGS))
adapter.start()
say('started')
process.once('SIGTERM', async () => {
  const stopped = adapter.stop()
  say('stopping')
  await stopped
  say('stopped')
})
