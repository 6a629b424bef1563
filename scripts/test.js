// `npm test`: does all its own set-up, then checks everything there is: style, lints, types, documentation, imports,
// the Rust tests, and the tests of behaviour against real servers. Ends with one line: N passed, N failed.
// `npm test faults parity` runs only the files of behaviour whose names have one of these parts.
import { prepare } from './prepare.js'
import { startServers } from './servers/index.js'
import { prepareBrowser } from './testing/browser.js'
import { cargoArguments } from './testing/cargo.js'
import { testFiles } from './testing/files.js'
import { Report } from './testing/report.js'
import { tool } from './testing/run.js'
import { version200 } from './version-2-0-0.js'

const log = (line) => console.log(line)
const report = new Report()

/** A check that has only what the tests of behaviour, which wait most of the time, leave of the processors. */
const check = (name, command, args, options) => report.check(name, command, args, { ...options, yields: true })

async function rustChecks() {
  const cargo = await cargoArguments()
  const documentation = ['doc', '--quiet', ...cargo, '--no-deps', '--document-private-items']
  await check('Rust formatting', 'cargo', ['fmt', '--check'])
  await check('Rust lints', 'cargo', ['clippy', '--quiet', ...cargo, '--all-targets', '--', '-D', 'warnings'])
  await check('Rust documentation', 'cargo', documentation, { env: { RUSTDOCFLAGS: '-D warnings' } })
  await check('Rust tests compile', 'cargo', ['test', '--quiet', ...cargo, '--no-default-features', '--no-run'])
}

async function javascriptChecks() {
  const node = (name, ...args) => check(name, process.execPath, args)
  await node('TypeScript types', tool('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit')
  await node('TypeScript types of the dashboard', tool('typescript/bin/tsc'), '-p', 'dashboard')
  await node('JavaScript formatting and lints', tool('@biomejs/biome/bin/biome'), 'check', '.')
  // Imports of types count too: a circle of them is a circle for whoever reads.
  const circles = ['--no-warning', '--no-tree', '--no-progress', '--exit-code', 'circular:1', 'lib/**/*.ts']
  await node('No circle of imports in lib', tool('dpdm/lib/bin/dpdm.js'), ...circles)
}

/** The Rust tests, and the promises of the ports, which memory keeps in them, kept by the real servers. */
async function rustTests(env) {
  const cargo = [...(await cargoArguments()), '--no-default-features']
  await report.rust('Rust tests, without Node.js', cargo)
  // They wait for servers more than they work: more of them at a time than there are cores.
  const contracts = [...cargo, '--test', 'contracts', '--', '--test-threads=8']
  await report.rust('Contracts of the ports, on real servers', contracts, { env })
}

async function onServers(work) {
  const servers = await startServers({ log })
  try {
    await work(servers.env)
  } finally {
    await servers.stop()
  }
}

/** All there is. The Rust tests keep to themselves: some of them are about time. */
function everything(files) {
  return onServers(async (env) => {
    const parts = [
      report.part('behaviour', () => report.files(files, { env })),
      report.part('checks', () => Promise.all([rustChecks(), javascriptChecks()])),
    ]
    // The servers stay until both are over, however one of them ends.
    await Promise.allSettled(parts)
    await Promise.all(parts)
    await report.part('Rust tests', () => rustTests(env))
  })
}

const wanted = process.argv.slice(2)
const files = await testFiles(wanted)
if (files.length === 0) throw new Error(`No file of tests has ${wanted.join(' or ')} in its name`)
await report.part('set-up', async () => {
  await prepare({ log })
  if (files.some((file) => file.endsWith('dashboard/browser.test.js'))) await prepareBrowser({ log })
  if (process.env.FLOWCRAFT_BESIDE_2_0_0) await version200({ log })
})
if (wanted.length === 0) await everything(files)
else await onServers((env) => report.part('behaviour', () => report.files(files, { env })))
report.close()
// Whatever a stopped server has left open does not keep the verdict waiting.
setTimeout(() => process.exit(), 5000).unref()
