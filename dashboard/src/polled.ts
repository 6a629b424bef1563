/** Answers that are asked for again and again: one request at a time, none while the page is hidden. */
import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError, type Params, type Reads, readText } from './api.js'

/** The longest wait after failures, in milliseconds. */
const LONGEST = 30_000

export interface Polled<T> {
  data: T | undefined
  error: ApiError | undefined
  /** When the last answer came. */
  at: number
  refresh: () => void
}

/**
 * @param params Absent while nothing is to be asked.
 * @param every How long after an answer it is asked again, in milliseconds; `0` for once.
 */
export function usePolled<Call extends keyof Reads>(
  call: Call,
  params: Params | undefined,
  every: number,
): Polled<Reads[Call]> {
  const [state, setState] = useState<Omit<Polled<Reads[Call]>, 'refresh'>>({ data: undefined, error: undefined, at: 0 })
  const [turn, setTurn] = useState(0)
  const key = params && JSON.stringify([call, params])
  const last = useRef({ key: '', text: '' })
  const isPaused = useRef(false)

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says the parameters, the turn asks again
  useEffect(() => {
    if (!params || key === undefined) return
    if (last.current.key !== key) {
      last.current = { key, text: '' }
      setState({ data: undefined, error: undefined, at: 0 })
    }
    const controller = new AbortController()
    const { signal } = controller
    void (async () => {
      for (let failures = 0; !signal.aborted; ) {
        const begun = performance.now()
        try {
          const text = await readText(call, params, signal)
          failures = 0
          if (text !== last.current.text || isPaused.current || every === 0) {
            last.current = { key, text }
            isPaused.current = false
            setState({ data: JSON.parse(text) as Reads[Call], error: undefined, at: Date.now() })
          }
        } catch (error) {
          if (signal.aborted) return
          failures += 1
          isPaused.current = true
          const told = error instanceof ApiError ? error : new ApiError(0, 'UNKNOWN', String(error))
          setState((before) => ({ ...before, error: told }))
          // What is not there is not asked for in haste.
          if (told.status > 0 && told.status < 500) failures = Math.max(failures, 3)
        }
        if (every === 0 && failures === 0) return
        // What takes long to find out is asked for less often.
        const least = Math.max(every, 1_000, 4 * (performance.now() - begun))
        await pause(Math.min(least * 2 ** failures, Math.max(LONGEST, least)), signal)
        await visible(signal)
      }
    })()
    return () => controller.abort()
  }, [call, key, every, turn])

  const refresh = useCallback(() => setTurn((before) => before + 1), [])
  return { ...state, refresh }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** Waits until somebody can see the page. */
function visible(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve()
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', look)
  })
}
