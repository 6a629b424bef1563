// `npm run test:unit`: what is to be known in seconds. The Rust tests, and the suites of behaviour that run on memory
// instead of servers. `npm test` simulates more fleets, and tests the simulation itself.
import { prepare } from './prepare.js'
import { cargoArguments } from './testing/cargo.js'
import { memoryFiles } from './testing/files.js'
import { Report } from './testing/report.js'

const NO_SERVERS = { AMQP_URL: undefined, DATABASE_URL: undefined, REDIS_URL: undefined }
/** Fleets that are simulated, unless FLOWCRAFT_SIMULATION_SEEDS says how many. */
const FLEETS = '100'
/** Whether the simulation finds each mistake: thousands of fleets, while what is tested is the test. */
const LEFT_OUT = ['--skip', 'each_mistake_is_found']

const log = (line) => console.log(line)
const report = new Report()

async function rust() {
  const args = [...(await cargoArguments()), '--no-default-features', '--', ...LEFT_OUT]
  const env = { FLOWCRAFT_SIMULATION_SEEDS: process.env.FLOWCRAFT_SIMULATION_SEEDS ?? FLEETS }
  await report.rust('Rust tests, without Node.js', args, { env })
}

const { files, leftOut } = await memoryFiles({ long: Boolean(process.env.FLOWCRAFT_LONG) })
await report.part('set-up', () => prepare({ log }))
await report.part('Rust tests', rust)
const env = { ...NO_SERVERS, FLOWCRAFT_SERVERS: 'memory' }
await report.part('suites on memory', () => report.files(files, { env, atATime: 5 }))
report.close({ leftOut, all: 'FLOWCRAFT_LONG=1 npm run test:unit' })
