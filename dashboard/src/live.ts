/** A state that the server sends as it changes: one stream, and none while the page is hidden. */
import { ApiError, addressOf, type Params } from './api.js'
import { visible } from './visible.js'

/** How long a stream is waited for, and how long it may be silent, in milliseconds. A proxy may hold all of it back. */
const [PATIENCE, SILENCE] = [5_000, 45_000]

export interface Follower {
  signal: AbortSignal
  take: (text: string) => void
  fail: (error: ApiError) => void
}

/** Follows until that does not work: then it is asked for as before. */
export async function followed(call: string, params: Params, follower: Follower): Promise<void> {
  if (typeof EventSource === 'undefined') return
  const address = addressOf('live', { ...params, call })
  for (let isLost = false; !isLost && !follower.signal.aborted; ) {
    await visible(follower.signal)
    isLost = await lost(address, follower)
  }
}

/** Reads one stream until it is lost, or the page is hidden. The browser opens a stream again that was cut. */
function lost(address: string, { signal, take, fail }: Follower): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve) => {
    const stream = new EventSource(address)
    const end = (isLost: boolean) => {
      clearTimeout(timer)
      stream.close()
      document.removeEventListener('visibilitychange', hide)
      signal.removeEventListener('abort', stop)
      resolve(isLost)
    }
    const stop = () => end(false)
    const hide = () => document.hidden && end(false)
    let timer = setTimeout(() => end(true), PATIENCE)
    const within = (milliseconds: number) => {
      clearTimeout(timer)
      timer = setTimeout(() => end(true), milliseconds)
    }
    stream.addEventListener('alive', () => within(SILENCE))
    stream.addEventListener('state', ({ data }) => {
      within(SILENCE)
      take(data)
    })
    stream.addEventListener('failure', ({ data }) => {
      within(SILENCE)
      const { status, code, message } = JSON.parse(data) as { status: number; code: string; message: string }
      fail(new ApiError(status, code, message))
    })
    stream.addEventListener('error', () => {
      if (stream.readyState === EventSource.CLOSED) end(true)
      else within(PATIENCE)
    })
    document.addEventListener('visibilitychange', hide)
    signal.addEventListener('abort', stop)
  })
}
