// `npm test`: does all its own set-up, then checks everything there is: style, lints, types, the Rust tests, and
// the tests of behaviour against real servers. Ends with one line: N passed, N failed.
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.js'
import { startServers } from './servers/index.js'

const repository = fileURLToPath(new URL('..', import.meta.url))
const log = (line) => console.log(line)
const totals = { passed: 0, failed: 0 }

/** A program of a package that is installed here. */
const tool = (path) => join(repository, 'node_modules', path)

/** Runs a program with its output shown; answers with its exit code and what it printed. */
function run(command, args, { env = {}, show = true } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: repository,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let printed = ''
    const take = (stream) => (data) => {
      printed += data
      if (show) stream.write(data)
    }
    child.stdout.on('data', take(process.stdout))
    child.stderr.on('data', take(process.stderr))
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ ok: code === 0, code, signal, printed }))
  })
}

/** One check that either holds or does not; its output is shown only when it does not. */
async function check(name, command, args) {
  const begun = Date.now()
  const { ok, printed } = await run(command, args, { show: false })
  totals[ok ? 'passed' : 'failed'] += 1
  log(`${ok ? '✔' : '✖'} ${name} (${((Date.now() - begun) / 1000).toFixed(1)} s)`)
  if (!ok) log(printed.trimEnd())
}

/** The Rust tests, counted from the lines their runner closes with. */
async function rustTests(name, args) {
  const { ok, printed } = await run('cargo', ['test', '--quiet', ...cargo, ...args], { show: false })
  const results = [...printed.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)]
  const passed = results.reduce((sum, [, count]) => sum + Number(count), 0)
  const failed = results.reduce((sum, [, , count]) => sum + Number(count), 0)
  totals.passed += passed
  totals.failed += failed + (ok || failed > 0 ? 0 : 1)
  log(`${ok ? '✔' : '✖'} ${name}: ${passed} passed, ${failed} failed`)
  if (!ok) log(printed.trimEnd())
}

async function testFiles() {
  const files = await readdir(join(repository, '__test__'), { recursive: true })
  const wanted = process.argv.slice(2)
  return files
    .filter((file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
    .sort()
    .map((file) => join('__test__', file))
}

/** The tests of behaviour, on servers of their own. */
async function behaviour() {
  const servers = await startServers({ log })
  const folder = await mkdtemp(join(tmpdir(), 'flowcraft-test-'))
  try {
    const summary = join(folder, 'summary.json')
    const reporters = [
      ['--test-reporter', 'spec', '--test-reporter-destination', 'stdout'],
      ['--test-reporter', './scripts/test-summary.js', '--test-reporter-destination', summary],
    ].flat()
    const { ok } = await run(
      process.execPath,
      ['--test', '--test-concurrency=2', ...reporters, ...(await testFiles())],
      {
        env: { ...servers.env, FLOWCRAFT_TEST: '1' },
      },
    )
    const { passed, failed } = JSON.parse(await readFile(summary, 'utf8'))
    totals.passed += passed
    totals.failed += failed + (ok || failed > 0 ? 0 : 1)
  } finally {
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

await prepare({ log })
const { printed: version } = await run('rustc', ['-vV'], { show: false })
// The target the addon is built for: the tests share its compiled dependencies.
const cargo = ['--release', '--locked', '--target', version.match(/^host: (.+)$/m)[1]]
const only = process.argv.length > 2

if (!only) {
  await check('Rust formatting', 'cargo', ['fmt', '--check'])
  await check('Rust lints', 'cargo', ['clippy', '--quiet', ...cargo, '--all-targets', '--', '-D', 'warnings'])
  await check('TypeScript types', process.execPath, [tool('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit'])
  await check('No circle of imports in lib', process.execPath, [
    tool('dpdm/lib/bin/dpdm.js'),
    ...['--no-warning', '--no-tree', '--no-progress', '--exit-code', 'circular:1', 'lib/**/*.ts'],
  ])
  await check('JavaScript formatting and lints', process.execPath, [tool('@biomejs/biome/bin/biome'), 'check', '.'])
  await rustTests('Rust tests, without Node.js', ['--no-default-features'])
}
await behaviour()

log(`${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1
