// `npm run test:unit`: what is to be known in half a minute. The Rust tests, and beside them the suites of behaviour that run on
// memory instead of servers. `npm test` simulates more fleets, and tests the simulation itself.
import { prepare } from './prepare.js'
import { cargoArguments } from './testing/cargo.js'
import { memoryFiles } from './testing/files.js'
import { Report } from './testing/report.js'

const NO_SERVERS = { AMQP_URL: undefined, DATABASE_URL: undefined, REDIS_URL: undefined }
/** Fleets that are simulated, unless FLOWCRAFT_SIMULATION_SEEDS says how many. */
const FLEETS = '100'
/** Processes of suites at a time: they wait more than they work. */
const PROCESSES_AT_A_TIME = 5
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
const memory = { env: { ...NO_SERVERS, FLOWCRAFT_SERVERS: 'memory' }, atATime: PROCESSES_AT_A_TIME, shared: true }
await Promise.all([report.part('Rust tests', rust), report.part('suites on memory', () => report.files(files, memory))])
report.close({ leftOut, all: 'FLOWCRAFT_LONG=1 npm run test:unit' })
