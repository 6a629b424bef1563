// The table of docs/errors.md, as data.
import { readFile } from 'node:fs/promises'

const page = new URL('../../docs/errors.md', import.meta.url)

/** What the page promises of each code: its classes, and whether it is retryable. */
export async function promised() {
  const row = /^\| `([A-Z_]+)` +\| ([^|]+)\| [^|]+\| (yes|no) +\| [^|]+\|$/gm
  const rows = (await readFile(page, 'utf8')).matchAll(row)
  return new Map(
    [...rows].map(([, code, classes, retryable]) => [
      code,
      { classes: [...classes.matchAll(/`(\w+)`/g)].map(([, name]) => name), retryable: retryable === 'yes' },
    ]),
  )
}
