/** Following a run: how it stands at first, and again whenever that has changed, until it is over. */
import { callOptions, type Names } from '../options/call-options.js'
import { goesOn, type RunDescription, readDescription, withoutHeartbeat } from './description.js'
import type { ClientHost } from './host.js'
import { Pace } from './pace.js'

/** How a run is followed. */
export interface WatchOptions {
  /** Gives up, with the signal's own reason; the run goes on. */
  signal?: AbortSignal
}

const OF_WATCH: Names<WatchOptions> = { signal: true }

/** The states of a run, each when it is seen. */
export async function* statesOf(
  host: ClientHost,
  runId: string,
  options: WatchOptions,
): AsyncGenerator<RunDescription, void, undefined> {
  const { signal } = callOptions('run.watch', OF_WATCH, options)
  const pace = new Pace(host, runId, signal)
  try {
    for (let seen: string | undefined; ; await pace.next()) {
      signal?.throwIfAborted()
      const state = readDescription(await host.answer(host.engine.describe(runId)))
      const known = withoutHeartbeat(state)
      if (known === seen) continue
      seen = known
      yield state
      if (!goesOn(state.status)) return
      pace.quicken()
    }
  } finally {
    pace.close()
  }
}
