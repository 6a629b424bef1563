/** Lengths of time and moments, as people write and read them. */

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** The milliseconds of `30s`, `1h30m` and the like; a number without a unit is none. */
export function millisecondsOf(text: string): number | undefined {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/g)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text.trim().replace(/\s+(?=\d)/g, '')) return
  return Math.round(parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0))
}

/** A date as ISO 8601 has it, or a length of time before now. */
export function momentOf(text: string, now: number): Date | undefined {
  const ago = millisecondsOf(text)
  if (ago !== undefined) return new Date(now - ago)
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined
  const moment = new Date(text)
  return Number.isNaN(moment.getTime()) ? undefined : moment
}

/** A length of time in its two largest units: `2 d 3 h`, `42 s`. */
export function lengthOf(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.round(milliseconds))} ms`
  const sizes = Object.entries(UNITS)
    .filter(([unit]) => unit !== 'ms' && unit !== 'w')
    .reverse()
  const first = sizes.findIndex(([, size]) => milliseconds >= size)
  const shown: string[] = []
  let rest = Math.floor(milliseconds / 1_000) * 1_000
  for (const [unit, size] of sizes.slice(first, first + 2)) {
    const amount = Math.floor(rest / size)
    rest -= amount * size
    if (amount > 0) shown.push(`${amount} ${unit}`)
  }
  return shown.join(' ')
}

/** A moment for people: UTC, to the second. */
export function clock(moment: Date): string {
  return moment
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}
