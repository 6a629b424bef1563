/** `memory:` and `memory:name`: servers in the memory of this process, in place of real ones. */
import { invalidOption } from './invalid.js'

const MEMORY = /^memory:(.*)$/s

/** How a memory is named, for sentences that say what an option accepts. */
export const A_MEMORY = "'memory:' or 'memory:name' for servers in this process"

/** The name of the memory that a value asks for, which may be empty; undefined where it asks for a real server. */
export function memoryName(value: unknown): string | undefined {
  return typeof value === 'string' ? value.match(MEMORY)?.[1] : undefined
}

/**
 * Refuses servers of which some are real and some in memory, or in memories of several names.
 *
 * @param memories By option, the name of the memory; undefined for a real server.
 * @throws TypeError naming the options.
 */
export function refuseMixture(memories: Readonly<Record<string, string | undefined>>): void {
  const options = Object.keys(memories)
  const [first = '', ...others] = options
  const other = others.find((option) => memories[option] !== memories[first])
  if (other === undefined) return
  const all = `${options.slice(0, -1).join(', ')} and ${options.at(-1)}`
  throw invalidOption(other, `the same memory as ${first}, or real servers in all of ${all}`)
}
