// Indents by two spaces what the compiler indents by four: the package has a size to keep. It runs before the page of the dashboard
// is built, whose files are as small as they can be.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'

const DIST = fileURLToPath(new URL('../dist', import.meta.url))

/** A parser tells indentation from what stands in a text of several lines. */
function indented(code) {
  return transformSync(code, { loader: 'js', target: 'esnext', format: 'esm', charset: 'utf8' }).code
}

/** In declarations every line begins with its indentation. */
function declarationsIndented(code) {
  return code.replace(/^(?: {4})+/gm, (indent) => ' '.repeat(indent.length / 2))
}

for (const name of readdirSync(DIST, { recursive: true })) {
  const file = join(DIST, name)
  const change = name.endsWith('.d.ts') ? declarationsIndented : name.endsWith('.js') ? indented : undefined
  if (change) writeFileSync(file, change(readFileSync(file, 'utf8')))
}
