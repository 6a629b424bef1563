/** Answers that are followed, or asked for again and again: one request at a time, none while the page is hidden. */
import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError, type Params, type Reads, readText } from './api.js'
import { followed } from './live.js'
import { visible } from './visible.js'

/** The longest wait after failures, in milliseconds. */
const LONGEST = 30_000
/** How long after a stream was lost another is tried, in milliseconds. */
const NEXT_STREAM = 60_000

export interface Polled<T> {
  data: T | undefined
  error: ApiError | undefined
  /** When the last answer came. */
  at: number
  refresh: () => void
}

/**
 * @param params Absent while nothing is to be asked.
 * @param isLive Whether the server sends it by itself, where streams work.
 * @param every How long after an answer it is asked again, in milliseconds; `0` for once.
 */
export function usePolled<Call extends keyof Reads>(
  call: Call,
  params: Params | undefined,
  every: number,
  isLive = false,
): Polled<Reads[Call]> {
  const [state, setState] = useState<Omit<Polled<Reads[Call]>, 'refresh'>>({ data: undefined, error: undefined, at: 0 })
  const [turn, setTurn] = useState(0)
  const key = params && JSON.stringify([call, params])
  const last = useRef({ key: '', text: '' })
  const isPaused = useRef(false)
  const isOnce = every === 0
  // Another pace counts from the next pause on.
  const pace = useRef(every)
  pace.current = every

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says the parameters, the turn asks again
  useEffect(() => {
    if (!params || key === undefined) return
    if (last.current.key !== key) {
      last.current = { key, text: '' }
      setState({ data: undefined, error: undefined, at: 0 })
    }
    const controller = new AbortController()
    const { signal } = controller
    const take = (text: string) => {
      if (text === last.current.text && !isPaused.current && !isOnce) return
      last.current = { key, text }
      isPaused.current = false
      setState({ data: JSON.parse(text) as Reads[Call], error: undefined, at: Date.now() })
    }
    const fail = (error: ApiError) => {
      isPaused.current = true
      setState((before) => ({ ...before, error }))
    }
    void (async () => {
      let nextStream = isLive ? 0 : Number.POSITIVE_INFINITY
      for (let failures = 0; !signal.aborted; ) {
        if (failures === 0 && performance.now() >= nextStream) {
          await followed(call, params, { signal, take, fail })
          nextStream = performance.now() + NEXT_STREAM
        }
        const begun = performance.now()
        try {
          const text = await readText(call, params, signal)
          failures = 0
          take(text)
        } catch (error) {
          if (signal.aborted) return
          failures += 1
          const told = error instanceof ApiError ? error : new ApiError(0, 'UNKNOWN', String(error))
          fail(told)
          // What is not there is not asked for in haste.
          if (told.status > 0 && told.status < 500) failures = Math.max(failures, 3)
        }
        if (isOnce && failures === 0) return
        // What takes long to find out is asked for less often.
        const least = Math.max(pace.current, 1_000, 4 * (performance.now() - begun))
        await pause(Math.min(least * 2 ** failures, Math.max(LONGEST, least)), signal)
        await visible(signal)
      }
    })()
    return () => controller.abort()
  }, [call, key, isOnce, isLive, turn])

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
