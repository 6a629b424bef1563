// Run after `napi build`: the loader that it writes blames npm where it finds no addon. Most who see that installed on another
// machine, or without optional packages. Here it says so. Comments of what is generated stay out: every install would carry them.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const FILE = new URL('../binding.js', import.meta.url)
const TYPES = new URL('../binding.d.ts', import.meta.url)
const GENERATED = /`Cannot find native binding\. ` \+\n.*\n.*\n/
const MARK = 'has no addon for this machine here'

/** What is said where no addon is found, as an expression of the loader. */
const HELP = `\`@flowcraft/rabbitmq-adapter ${MARK}: \${process.platform} \${process.arch}\` +
        (process.platform === 'linux' ? \` \${isMusl() ? 'musl' : 'glibc'}\` : '') +
        '. There is one for Linux (x64, arm64; glibc 2.28 or newer, musl), macOS (x64, arm64) and Windows (x64). ' +
        'It comes as an optional dependency, for the machine that installs: install where it will run (npm ci in the image), ' +
        'without --omit=optional. If it did, remove node_modules and package-lock.json, and install again: ' +
        'npm may have left it out (https://github.com/npm/cli/issues/4828). The cause says what was tried.',
`

/** The text of the loader, with our words. */
export function withHelp(text) {
  if (text.includes(MARK)) return text
  if (!GENERATED.test(text)) throw new Error('binding.js has changed: it does not say what scripts/binding.js replaces')
  return text.replace(GENERATED, () => HELP)
}

/** Code without lines of comments, and without indents. */
function compact(text) {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && (!line.startsWith('//') || line.startsWith('// @ts-'))).join('\n')
}

/** Declarations without comments. */
function bare(text) {
  return text.replace(/^ *\/\*\*[\s\S]*?\*\/\n/gm, '')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(FILE, `${compact(withHelp(await readFile(FILE, 'utf8')))}\n`)
  await writeFile(TYPES, bare(await readFile(TYPES, 'utf8')))
}
