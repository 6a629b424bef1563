/** Following a run: how it stands at first, and again whenever that has changed, until it is over. */
import { type RunDescription, readDescription } from './description.js'
import type { ClientHost } from './host.js'
import { Pace } from './pace.js'

/** How a run is followed. */
export interface WatchOptions {
  /** Gives up, with the signal's own reason; the run goes on. */
  signal?: AbortSignal
}

const GOES_ON = new Set(['running', 'awaiting'])

/** The states of a run, each when it is seen. */
export async function* statesOf(
  host: ClientHost,
  runId: string,
  { signal }: WatchOptions,
): AsyncGenerator<RunDescription, void, undefined> {
  const pace = new Pace(host, runId, signal)
  try {
    for (let seen: string | undefined; ; await pace.next()) {
      signal?.throwIfAborted()
      const state = readDescription(await host.answer(host.engine.describe(runId)))
      const known = withoutHeartbeat(state)
      if (known === seen) continue
      seen = known
      yield state
      if (!GOES_ON.has(state.status)) return
      pace.quicken()
    }
  } finally {
    pace.close()
  }
}

/** What tells two states apart. A worker renews `updatedAt` while a node takes long. */
function withoutHeartbeat({ updatedAt: _, ...state }: RunDescription): string {
  return JSON.stringify(state)
}
