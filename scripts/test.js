// `npm test`: does all its own set-up, then checks everything there is: style, lints, types, documentation, imports,
// the Rust tests, and the tests of behaviour against real servers. Ends with one line: N passed, N failed.
// `npm test faults parity` runs only the files of behaviour whose names have one of these parts. Without a name it leaves out the
// suites that take long (`LONG` in testing/files.js) and says so; FLOWCRAFT_LONG=1 runs them too.
import { prepare } from './prepare.js'
import { startServers } from './servers/index.js'
import { prepareBrowser } from './testing/browser.js'
import { cargoArguments } from './testing/cargo.js'
import { chosenFiles, sideBySide } from './testing/files.js'
import { preparePromtool } from './testing/promtool.js'
import { Report } from './testing/report.js'
import { tool } from './testing/run.js'
import { version200 } from './version-2-0-0.js'

const log = (line) => console.log(line)
const report = new Report()

async function rust() {
  const cargo = await cargoArguments()
  const documentation = { env: { RUSTDOCFLAGS: '-D warnings' } }
  await report.check('Rust formatting', 'cargo', ['fmt', '--check'])
  await report.check('Rust lints', 'cargo', ['clippy', '--quiet', ...cargo, '--all-targets', '--', '-D', 'warnings'])
  await report.check(
    'Rust documentation',
    'cargo',
    ['doc', '--quiet', ...cargo, '--no-deps', '--document-private-items'],
    documentation,
  )
  // Whether the simulation finds each mistake tests the simulation, by thousands of fleets.
  const args = long ? [] : ['--', '--skip', 'each_mistake_is_found']
  await report.rust('Rust tests, without Node.js', [...cargo, '--no-default-features', ...args])
}

async function javascript() {
  const node = (name, ...args) => report.check(name, process.execPath, args)
  await node('TypeScript types', tool('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit')
  await node('TypeScript types of the dashboard', tool('typescript/bin/tsc'), '-p', 'dashboard')
  await node('JavaScript formatting and lints', tool('@biomejs/biome/bin/biome'), 'check', '.')
  // Imports of types count too: a circle of them is a circle for whoever reads.
  const circles = ['--no-warning', '--no-tree', '--no-progress', '--exit-code', 'circular:1', 'lib/**/*.ts']
  await node('No circle of imports in lib', tool('dpdm/lib/bin/dpdm.js'), ...circles)
}

/** The promises of the ports, which memory keeps in the Rust tests, kept by the real servers. */
async function contracts(env) {
  // They wait for servers more than they work: more of them at a time than there are cores.
  const cargo = [...(await cargoArguments()), '--no-default-features', '--test', 'contracts', '--', '--test-threads=8']
  await report.rust('Contracts of the ports, on real servers', cargo, { env })
}

/** The tests of behaviour, on servers of their own. */
async function behaviour(files) {
  const servers = await startServers({ log })
  try {
    if (wanted.length === 0) await contracts(servers.env)
    const [together, alone] = sideBySide(files)
    if (together.length > 0) await report.files(together, { env: servers.env })
    if (alone.length > 0) await report.files(alone, { env: servers.env, atATime: 1 })
  } finally {
    await servers.stop()
  }
}

const wanted = process.argv.slice(2)
const long = Boolean(process.env.FLOWCRAFT_LONG)
const { files, leftOut } = await chosenFiles(wanted, { long })
if (files.length === 0) throw new Error(`No file of tests has ${wanted.join(' or ')} in its name`)
await report.part('set-up', async () => {
  await prepare({ log })
  if (files.some((file) => file.includes('dashboard/browser'))) await prepareBrowser({ log })
  if (files.some((file) => file.includes('operating/promtool'))) await preparePromtool({ log })
  if (process.env.FLOWCRAFT_BESIDE_2_0_0) await version200({ log })
})
if (wanted.length === 0) await report.part('checks and Rust tests', () => Promise.all([rust(), javascript()]))
await report.part('behaviour', () => behaviour(files))
report.close({ leftOut })
// Whatever a stopped server has left open does not keep the verdict waiting.
setTimeout(() => process.exit(), 5000).unref()
