/** What was just done or refused, said for a while; screen readers hear it. */
import { useSyncExternalStore } from 'react'

interface Toast {
  id: number
  text: string
  isError: boolean
}

const SHOWN_FOR = 6_000
let toasts: readonly Toast[] = []
let last = 0
const listeners = new Set<() => void>()

function set(next: readonly Toast[]): void {
  toasts = next
  for (const listener of listeners) listener()
}

export function toast(text: string, isError = false): void {
  last += 1
  const id = last
  set([...toasts.slice(-3), { id, text, isError }])
  setTimeout(() => set(toasts.filter((each) => each.id !== id)), isError ? SHOWN_FOR * 2 : SHOWN_FOR)
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, isError }) => (
        <p key={id} className={isError ? 'toast bad' : 'toast'}>
          {text}
        </p>
      ))}
    </div>
  )
}
