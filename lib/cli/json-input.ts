/** JSON that is given with a flag: as it is, from a file, or from standard input. */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { usage } from './exit.js'
import type { Parsed } from './parsed.js'

export async function jsonOf(parsed: Parsed, flag: string): Promise<unknown> {
  const given = parsed.text(flag)
  if (given === undefined) return undefined
  const json = await read(given, flag)
  try {
    return JSON.parse(json)
  } catch (error) {
    throw usage(`--${flag} is not JSON: ${(error as Error).message}`)
  }
}

async function read(given: string, flag: string): Promise<string> {
  if (given === '-') return text(process.stdin)
  if (!given.startsWith('@')) return given
  try {
    return readFileSync(given.slice(1), 'utf8')
  } catch {
    throw usage(`The file ${given.slice(1)} (--${flag}) cannot be read`)
  }
}
