// Run after `napi build`: writes a loader of our own in place of the generated one, which blames npm where it finds no addon, and
// looks for the addons of twenty machines that the package has none for. Most who see that installed on another machine, or
// without optional packages. Here it says so. Comments of what is generated stay out: every install would carry them.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const FILE = new URL('../binding.js', import.meta.url)
const TYPES = new URL('../binding.d.ts', import.meta.url)
const PACKAGE = new URL('../package.json', import.meta.url)
const MARK = 'has no addon for this machine here'
const PLATFORMS = { linux: 'linux', darwin: 'darwin', windows: 'win32' }
const PROCESSORS = { x86_64: 'x64', aarch64: 'arm64' }

/** How napi names a target: its platform, its processor, and its libc or ABI if it has one. */
function nameOf(target) {
  const [processor, , platform, abi] = target.split('-')
  return [PLATFORMS[platform], PROCESSORS[processor], abi].filter(Boolean).join('-')
}

/** Requires are spelt out, one an addon: what collects the files of a program reads them. */
function addonsOf({ binaryName, packageName, targets }) {
  const lines = targets.map(nameOf).map((name) => {
    const places = [`./${binaryName}.${name}.node`, `${packageName}-${name}`]
    return `'${name}': [${places.map((place) => `() => require('${place}')`).join(', ')}],`
  })
  return `const ADDONS = {\n${lines.join('\n')}\n}`
}

/** What is the same for every set of targets. Where there is no addon, the causes say what was tried, the last one first. */
const LOADING = `const { platform, arch, env } = process
const machine = () => {
if (platform === 'win32') return \`win32-\${arch}-msvc\`
return \`\${platform}-\${arch}\${platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : ''}\`
}
const load = () => {
const own = env.NAPI_RS_NATIVE_LIBRARY_PATH
let cause = null
for (const addon of [...(own ? [() => require(own)] : []), ...(ADDONS[machine()] ?? [])]) {
try {
return addon()
} catch (error) {
cause = Object.assign(new Error(String(error?.message ?? error)), { cause })
}
}
const libc = platform === 'linux' ? \` \${isMusl() ? 'musl' : 'glibc'}\` : ''
throw new Error(
\`@flowcraft/rabbitmq-adapter ${MARK}: \${platform} \${arch}\${libc}\` +
'. There is one for Linux (x64, arm64; glibc 2.28 or newer, musl), macOS (x64, arm64) and Windows (x64). ' +
'It comes as an optional dependency, for the machine that installs: install where it will run (npm ci in the image), ' +
'without --omit=optional. If it did, remove node_modules and package-lock.json, and install again: ' +
'npm may have left it out (https://github.com/npm/cli/issues/4828). The cause says what was tried.',
{ cause },
)
}`

/** Our loader for what napi generated: its look for musl and its list of exports stay. */
export function loaderOf(generated, napi) {
  const text = compact(generated)
  if (text.includes('const ADDONS = {')) return text
  const musl = text.match(/^const isMusl = [\s\S]*?(?=^function requireNative)/m)?.[0]
  const names = text.match(/^const \{ (.*) \} = nativeBinding$/m)?.[1]
  if (!musl || !names) throw new Error('binding.js has changed: it has not what scripts/binding.js keeps of it')
  const head = "import { createRequire } from 'node:module'\nimport { readFileSync } from 'node:fs'"
  const required = 'const require = createRequire(import.meta.url)'
  const exported = `export const { ${names} } = load()`
  return [head, required, musl.trim(), addonsOf(napi), LOADING, exported].join('\n')
}

/** Code without lines of comments, and without indents. */
function compact(text) {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('//') && !line.startsWith('/* ')).join('\n')
}

/** Declarations without comments, and without what our loader does not export. */
function bare(text) {
  return text.replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '').replace(/^export declare const __napi.*\n/m, '')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { napi } = JSON.parse(await readFile(PACKAGE, 'utf8'))
  await writeFile(FILE, `${loaderOf(await readFile(FILE, 'utf8'), napi)}\n`)
  await writeFile(TYPES, bare(await readFile(TYPES, 'utf8')))
}
