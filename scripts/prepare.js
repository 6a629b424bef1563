// Makes a fresh clone ready to run: packages, native addon, TypeScript, each only if missing or out of date.
// `npm run demo` and `npm test` begin with it, so it uses nothing but what Node.js itself brings along.

import { existsSync, readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runQuietly } from './run-quietly.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** The sources of the dashboard's page. */
const DASHBOARD = ['index.html', 'public', 'src', 'vite.config.js'].map((path) => `dashboard/${path}`)
const WINDOWS = process.platform === 'win32'
/** How npm is asked to say nothing but errors. */
export const QUIET_NPM = ['--no-audit', '--no-fund', '--loglevel=error']

/**
 * @param {object} [options]
 * @param {(line: string) => void} [options.log] is told in plain words what is going on
 */
export async function prepare({ log = () => {} } = {}) {
  const addonIsDue = isDue(addonFiles(), ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock'])
  // Said before anything else, so that nobody waits for the packages to learn of it.
  const env = addonIsDue ? withCargo(process.env) : process.env
  let steps = 0
  const step = async (title, args) => {
    steps++
    log(`${title} ...`)
    const begin = performance.now()
    await runQuietly('npm', args, { cwd: ROOT, env })
    log(`  done in ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  }

  if (isDue(['node_modules/.package-lock.json'], ['package-lock.json'])) {
    // Not `npm ci`: it refuses a lock file that lacks an optional package of some other platform. With --no-save,
    // the lock file decides as well and stays as it is. A NODE_ENV=production would leave out what we build with.
    await step('Installing packages', ['install', '--no-save', '--include=dev', ...QUIET_NPM])
    markBuilt(['node_modules/.package-lock.json'], new Date())
  }
  if (addonIsDue) {
    const firstTime = existsSync(join(ROOT, 'target/release')) ? '' : ' (first time: about five minutes)'
    const begin = new Date()
    await step(`Building the native addon${firstTime}`, ['run', '--silent', 'build:native'])
    markBuilt(addonFiles(), begin)
  }
  if (isDue(['dist/index.js'], ['lib', 'tsconfig.json', ...DASHBOARD])) {
    const begin = new Date()
    await step('Compiling TypeScript', ['run', '--silent', 'build:ts'])
    markBuilt(['dist/index.js'], begin)
  }
  if (steps === 0) log('Packages and build are up to date.')
}

/** What the build of the addon leaves; its full name is known only once it is there (gnu, musl, msvc). */
function addonFiles() {
  const { napi } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const prefix = `${napi.binaryName}.${process.platform}-${process.arch}`
  const found = readdirSync(ROOT).filter((name) => name.startsWith(prefix) && name.endsWith('.node'))
  return ['binding.js', 'binding.d.ts', ...(found.length > 0 ? found : [`${prefix}.node`])]
}

/** Whether an output is missing, or older than a source. */
function isDue(outputs, sources) {
  const built = outputs.map((path) => join(ROOT, path))
  if (!built.every((path) => existsSync(path))) return true
  const oldest = Math.min(...built.map((path) => statSync(path).mtimeMs))
  return sources.some((path) => newest(join(ROOT, path)) > oldest)
}

/** When a file, or the latest of the files in a folder, was written. */
function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}

/**
 * Dates the outputs, best from the build's begin: a tool may leave a file alone that would not change, and a source
 * that was edited during the build is newer than what was built.
 */
function markBuilt(outputs, begin) {
  for (const path of outputs.map((output) => join(ROOT, output))) {
    if (!existsSync(path)) throw new Error(`Everything went well, and yet there is no ${path}`)
    utimesSync(path, begin, begin)
  }
}

/** The environment with Rust's folder on the PATH, where a shell opened before its installation lacks it. */
export function withCargo(env) {
  const cargo = WINDOWS ? 'cargo.exe' : 'cargo'
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH'
  const folders = (env[key] ?? '').split(delimiter)
  if (folders.some((folder) => folder && existsSync(join(folder, cargo)))) return env
  const usual = join(env.CARGO_HOME || join(homedir(), '.cargo'), 'bin')
  if (existsSync(join(usual, cargo))) return { ...env, [key]: [...folders, usual].join(delimiter) }
  throw new Error(
    'What is built here needs Rust, and there is no `cargo` on the PATH: install it from https://rustup.rs',
  )
}
