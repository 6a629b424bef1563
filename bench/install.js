// What the bench needs besides the product's own build: its peers, installed by the bench's package.json and never by
// the product's, the addon as it is published, and the bare loop.
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { QUIET_NPM, withCargo } from '../scripts/prepare.js'
import { runQuietly } from '../scripts/run-quietly.js'

const BENCH = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../target/bench', import.meta.url))

/** Installs the peers if they are missing or their lock file is newer. */
export async function installPeers(log) {
  const installed = join(BENCH, 'node_modules/.package-lock.json')
  const lock = join(BENCH, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  log('Installing the peers ...')
  await runQuietly('npm', ['install', '--no-save', ...QUIET_NPM], { cwd: BENCH })
  utimesSync(installed, new Date(), new Date())
}

/** Builds the bare loop; cargo knows by itself when there is nothing to do. Answers with the program. */
export async function buildBareLoop(log) {
  const program = join(TARGET, 'release', process.platform === 'win32' ? 'bare-loop.exe' : 'bare-loop')
  if (!existsSync(program)) log('Building the bare loop (first time: about a minute) ...')
  const env = withCargo({ ...process.env, CARGO_TARGET_DIR: TARGET })
  await runQuietly('cargo', ['build', '--release', '--locked', '--quiet'], { cwd: join(BENCH, 'bare-loop'), env })
  return program
}

/**
 * Builds the addon with the profile it is published with, which takes too long for every day; cargo knows by itself when
 * there is nothing to do. Answers with the addon.
 */
export async function buildPublishedAddon(log) {
  const folder = join(TARGET, 'addon')
  const built = () => (existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.node')) : undefined)
  if (!built()) log('Building the addon as it is published (first time: about five minutes) ...')
  const args = ['napi', 'build', '--platform', '--profile', 'dist', '--esm', '--output-dir', folder]
  const loader = ['--js', 'binding.js', '--dts', 'binding.d.ts']
  await runQuietly('npx', [...args, ...loader], { cwd: ROOT, env: withCargo(process.env) })
  return join(folder, built())
}
