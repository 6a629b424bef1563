// Indents by a tab what the compiler indents by four spaces: the package has a size to keep. It runs before the page of the dashboard
// is built, whose files are as small as they can be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))

const OPTIONS = { loader: 'js', target: 'esnext', format: 'esm', charset: 'utf8' }

/** Where a text of several lines would change, the program stays indented by two spaces. */
function indented(code) {
  const printed = transformSync(code, OPTIONS).code
  const tabbed = printed.replace(/^(?: {2})+/gm, (indent) => '\t'.repeat(indent.length / 2))
  return minified(tabbed) === minified(printed) ? tabbed : printed
}

/** The program without its indentation. */
function minified(code) {
  return transformSync(code, { ...OPTIONS, minify: true }).code
}

/** In declarations every line begins with its indentation. */
function declarationsIndented(code) {
  return code.replace(/^(?: {4})+/gm, (indent) => '\t'.repeat(indent.length / 4))
}

for (const name of readdirSync(DIST, { recursive: true })) {
  const file = join(DIST, name)
  const change = name.endsWith('.d.ts') ? declarationsIndented : name.endsWith('.js') ? indented : undefined
  if (change) writeFileSync(file, change(readFileSync(file, 'utf8')))
}
