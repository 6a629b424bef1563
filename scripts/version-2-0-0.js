// Version 2.0.0, built from its commit once and kept outside the repository: what the tests run beside the present
// version, and what the bench compares it with.  node scripts/version-2-0-0.js  builds it, and prints where it is.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { QUIET_NPM, withCargo } from './prepare.js'
import { runQuietly } from './run-quietly.js'

const COMMIT = '60c73d7d51893d775fe83b96c6fedf119adeb444'
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BUILDS = join(cacheFolder(), 'flowcraft-rabbitmq-adapter')
const PACKAGE = join(BUILDS, COMMIT)
const LOADER = ['--esm', '--js', 'binding.js', '--dts', 'binding.d.ts']

/**
 * Builds version 2.0.0 where it is missing, as this repository builds itself for its tests.
 *
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {Promise<{ folder: string, entry: string }>} the package, and the URL of its module
 */
export async function version200({ log = () => {} } = {}) {
  if (!existsSync(PACKAGE)) {
    log('Building version 2.0.0 (only the first time: about five minutes) ...')
    mkdirSync(BUILDS, { recursive: true })
    const folder = mkdtempSync(join(BUILDS, 'building-'))
    try {
      await build(folder)
      // Only now: what stands under the commit's name is whole. Somebody else may have been faster.
      if (!existsSync(PACKAGE)) renameSync(folder, PACKAGE)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { folder: PACKAGE, entry: pathToFileURL(join(PACKAGE, 'dist/index.js')).href }
}

/**
 * Its addon with the profile it was published with; built beside the other one where it is missing.
 *
 * @returns {Promise<string>} the addon
 */
export async function publishedAddonOf200({ log = () => {} } = {}) {
  const { folder } = await version200({ log })
  const built = join(folder, 'published')
  const addon = () => existsSync(built) && readdirSync(built).find((name) => name.endsWith('.node'))
  if (!addon()) {
    log('Building the addon of version 2.0.0 as it was published (only the first time: about five minutes) ...')
    const args = ['napi', 'build', '--platform', '--profile', 'dist', '--output-dir', built, ...LOADER]
    await runQuietly('npx', args, { cwd: folder, env: withCargo(process.env) })
  }
  return join(built, addon())
}

async function build(folder) {
  const archive = join(folder, 'source.tar')
  try {
    await runQuietly('git', ['archive', '--format=tar', `--output=${archive}`, COMMIT], { cwd: ROOT })
  } catch (error) {
    throw new Error(`Version 2.0.0 is commit ${COMMIT}, which \`git fetch --unshallow\` brings. ${error.message}`)
  }
  await runQuietly('tar', ['-xf', 'source.tar'], { cwd: folder })
  rmSync(archive)
  const npm = (...args) => runQuietly('npm', args, { cwd: folder, env: withCargo(process.env) })
  await npm('install', '--no-save', '--include=dev', ...QUIET_NPM)
  await npm('run', '--silent', 'build:native')
  await npm('run', '--silent', 'build:ts')
}

/** Where the operating system keeps what can be made again. */
function cacheFolder() {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME
  if (process.platform === 'win32' && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA
  return join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { folder } = await version200({ log: console.error })
    console.log(folder)
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
