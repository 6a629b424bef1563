/** What a page may follow: a list of runs, and one run. */
import { goesOn } from '../client/description.js'
import type { Board } from './board.js'
import { Input } from './input.js'
import type { Source, Told } from './live.js'
import { Refusal, toldOf } from './refusal.js'
import { describeRun } from './run.js'
import { listRuns } from './runs.js'

/** How often is asked, in milliseconds: for a list, a run that goes on, one that is over, and what failed. */
const [LIST, RUN, OVER, FAILED] = [2_000, 1_000, 15_000, 5_000]

interface Answer {
  readonly value: object
  readonly every: number
}

const CALLS: Readonly<Record<string, (board: Board, input: Input) => Promise<Answer>>> = {
  runs: async (board, input) => ({ value: await listRuns(board, input), every: LIST }),
  run: async (board, input) => {
    const value = await describeRun(board, input)
    return { value, every: goesOn(value.status) ? RUN : OVER }
  },
}

/** @throws Refusal where the call cannot be followed. */
export function sourceOf(board: Board, query: URLSearchParams): Source {
  const name = query.get('call') ?? ''
  const call = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined
  if (!call) throw new Refusal('INVALID_ARGUMENT', `call is one of ${Object.keys(CALLS).join(', ')}`)
  const input = Input.ofQuery(query)
  const key = JSON.stringify([...query].sort())
  return {
    key,
    ask: async (): Promise<Told> => {
      try {
        const { value, every } = await call(board, input)
        return { kind: 'state', text: JSON.stringify(value), every }
      } catch (error) {
        return { kind: 'failure', text: JSON.stringify(toldOf(error)), every: FAILED }
      }
    },
  }
}
