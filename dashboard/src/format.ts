/** Numbers and times as people read them. */
import { useEffect, useState } from 'react'

/** Exact, whatever its size. */
export function numberOf(value: number): string {
  return value.toLocaleString('en')
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${numberOf(count)} ${count === 1 ? one : many}`
}

/** A size in characters of JSON. */
export function sizeOf(characters: number): string {
  if (characters < 1_000) return `${characters} B`
  if (characters < 1_000_000) return `${(characters / 1_000).toFixed(1)} kB`
  return `${(characters / 1_000_000).toFixed(1)} MB`
}

const UNITS: [string, number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** A length of time in its two largest units. */
export function lengthOf(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.round(milliseconds))} ms`
  const first = UNITS.findIndex(([, size]) => milliseconds >= size)
  let rest = milliseconds
  const parts: string[] = []
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const amount = Math.floor(rest / size)
    rest -= amount * size
    if (amount > 0) parts.push(`${amount}${unit}`)
  }
  return parts.join(' ')
}

/** The same, where it is short to a hundredth. */
export function exactLengthOf(milliseconds: number): string {
  const isShort = milliseconds >= 1_000 && milliseconds < 60_000
  return isShort ? `${Number((milliseconds / 1_000).toFixed(2))}s` : lengthOf(milliseconds)
}

/** In its largest unit. */
export function ago(milliseconds: number): string {
  if (milliseconds < 2_000) return 'just now'
  return `${lengthOf(milliseconds).split(' ')[0]} ago`
}

export function clock(moment: string | number): string {
  const date = new Date(moment)
  const day = date.toLocaleDateString('sv-SE')
  const time = date.toLocaleTimeString('sv-SE')
  return day === new Date().toLocaleDateString('sv-SE') ? time : `${day} ${time}`
}

/** The present moment, which goes on. */
export function useNow(every = 1_000): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now())
    }, every)
    return () => clearInterval(timer)
  }, [every])
  return now
}

/** Copies a text, also where the page was not loaded over HTTPS. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    area.value = text
    area.setAttribute('readonly', '')
    area.className = 'offscreen'
    // Inside an open dialog, nothing outside of it can be selected.
    const host = document.querySelector('dialog[open]') ?? document.body
    host.append(area)
    area.select()
    const isCopied = document.execCommand('copy')
    area.remove()
    return isCopied
  }
}
