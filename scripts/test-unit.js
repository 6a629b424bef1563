// `npm run test:unit`: what is to be known in seconds. The Rust tests, and the suites of behaviour that run on memory
// instead of servers.
import { prepare } from './prepare.js'
import { cargoArguments } from './testing/cargo.js'
import { memoryFiles } from './testing/files.js'
import { Report } from './testing/report.js'

const NO_SERVERS = { AMQP_URL: undefined, DATABASE_URL: undefined, REDIS_URL: undefined }

const log = (line) => console.log(line)
const report = new Report()
const files = await memoryFiles()
await report.part('set-up', async () => {
  if (files.length > 0) await prepare({ log })
})
const cargo = await cargoArguments()
await report.part('Rust tests', () => report.rust('Rust tests, without Node.js', [...cargo, '--no-default-features']))
if (files.length > 0) {
  const env = { ...NO_SERVERS, FLOWCRAFT_SERVERS: 'memory' }
  await report.part('suites on memory', () => report.files(files, { env }))
} else {
  log('No suite runs on memory yet.')
}
report.close()
