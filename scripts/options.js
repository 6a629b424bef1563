// `npm run options`: writes what the options schema says where people read it: docs/options.md and the doc comments of the
// options' types; docs/cli.md, by the definitions of the commands; and docs/api.md, by the declarations in dist/. With --check
// it changes nothing, and fails where something is out of date.
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { COMMANDS } from '../dist/cli/commands.js'
import { describeOptions } from '../dist/options/describe.js'
import { apiPage } from './options/api.js'
import { cliPage } from './options/cli.js'
import { optionsPage } from './options/markdown.js'
import { withMetrics } from './options/metrics.js'
import { commented } from './options/types.js'

const ROOT = new URL('..', import.meta.url)

/** The files with what the schema says in them: path, and how the text is made of the present one. */
const TARGETS = [
  ['docs/options.md', () => optionsPage(describeOptions())],
  ['docs/cli.md', () => cliPage(COMMANDS)],
  ['docs/api.md', () => apiPage()],
  ['docs/observability.md', withMetrics],
  ...describeOptions().map(({ type, file, options }) => [
    `lib/options/${file}`,
    (text) => commented(text, type, options),
  ]),
]

/** The files that are out of date, written anew unless told not to. */
export async function writeOptions({ write = true } = {}) {
  const stale = []
  for (const [path, make] of TARGETS) {
    const url = new URL(path, ROOT)
    const present = await readFile(url, 'utf8').catch(() => '')
    const due = make(present)
    if (due === present) continue
    stale.push(path)
    if (write) await writeFile(url, due)
  }
  return stale
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check')
  const stale = await writeOptions({ write: !isCheck })
  for (const path of stale) console.log(isCheck ? `${path} is out of date: run npm run options` : `${path} written`)
  process.exitCode = isCheck && stale.length > 0 ? 1 : 0
}
