// Removes from dist/ the declarations that nobody can import: those of files that no entry of the package leads to.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** The declarations that the entries lead to, from file to file. */
const reached = new Set([join(DIST, 'index.d.ts')])
for (const { types } of Object.values(exports)) if (types?.startsWith('./dist/')) reached.add(join(ROOT, types))
for (const file of reached) {
  const text = readFileSync(file, 'utf8')
  for (const [, path] of text.matchAll(/(?:from|import\() ?['"](\.[^'"]+)\.js['"]/g)) {
    const target = join(dirname(file), `${path}.d.ts`)
    if (existsSync(target)) reached.add(target)
  }
}
for (const name of readdirSync(DIST, { recursive: true })) {
  const file = join(DIST, name)
  if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file)
}
