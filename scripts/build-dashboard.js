// Builds the page of the dashboard into dist/dashboard/ui. Vite works only where something of the page has changed since; else
// what it made before is copied.
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = join(ROOT, 'dashboard')
const BUILT = join(FOLDER, '.built')
const MARK = join(FOLDER, '.built.hash')

/** What decides how the page looks: its sources, the versions of what it is made with, and this script. */
function hashOfSources() {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')))
  hash.update(readFileSync(fileURLToPath(import.meta.url)))
  const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.startsWith(BUILT))
    .sort()
  for (const path of files) hash.update(path.slice(FOLDER.length)).update(readFileSync(path))
  return hash.digest('hex')
}

/** The licences with each text once, below the packages that have it. */
function eachTextOnce(licences) {
  const [head, ...sections] = licences.split(/^## /m)
  const namesOf = new Map()
  for (const section of sections) {
    const [name, ...lines] = section.trim().split('\n')
    const text = lines.join('\n').trim()
    namesOf.set(text, [...(namesOf.get(text) ?? []), name])
  }
  return [head.trim(), ...[...namesOf].map(([text, names]) => `## ${names.join('\n## ')}\n\n${text}`)].join('\n\n')
}

const hash = hashOfSources()
const isBuilt = existsSync(join(BUILT, 'index.html')) && existsSync(MARK) && readFileSync(MARK, 'utf8') === hash
if (!isBuilt) {
  // Loaded only where it works: it takes longer than the copy.
  const { build } = await import('vite')
  await build({ configFile: join(FOLDER, 'vite.config.js'), logLevel: 'error' })
  const licences = join(BUILT, 'licenses.txt')
  writeFileSync(licences, `${eachTextOnce(readFileSync(licences, 'utf8'))}\n`)
  writeFileSync(MARK, hash)
}
const target = join(ROOT, 'dist/dashboard/ui')
rmSync(target, { recursive: true, force: true })
cpSync(BUILT, target, { recursive: true })
