/** One action on many runs: a preview, a question, then one after the other with how far it is. */
import type { RabbitMqClient } from '../client/client.js'
import type { RunStatus } from '../client/description.js'
import type { RunHandle } from '../client/handle.js'
import type { RunSummary } from '../client/listing.js'
import { oneLine } from '../log.js'
import type { Call } from './command.js'
import { confirm } from './confirm.js'
import { EXIT, usage } from './exit.js'
import { codeOf, type KnownCode, todoOf } from './failures.js'
import { filtersOf, hasFilter, pagesOf } from './filters.js'
import { type Column, Rows } from './output.js'
import { type ServerName, Servers } from './servers.js'
import { counted, formatOf } from './shown.js'

/** How many are under way at a time. */
const AT_A_TIME = 16
/** How many are shown before it is asked. */
const SHOWN = 5
/** Up to so many, a table has a row for each; of more, only of those that were refused. */
const ALL_ROWS = 50

export interface Action {
  /** As a question begins: `Cancel`. */
  readonly verb: string
  /** What a run is afterwards. */
  readonly done: string
  /** Runs of which statuses it is for, where the filters do not say. */
  readonly statuses: readonly RunStatus[]
  readonly needs: readonly ServerName[]
  /** Whether it is asked about runs that are named by their ids too. */
  readonly isFinal: boolean
  /** Does it to a run; answers with what is to be said of it besides. */
  readonly act: (run: RunHandle) => Promise<string | undefined>
}

interface Outcome {
  runId: string
  outcome: string
  note?: string
  code?: string
}

const COLUMNS: readonly Column<Outcome>[] = [
  { title: 'RUN', text: ({ runId }) => runId },
  {
    title: 'OUTCOME',
    text: ({ outcome }) => outcome,
    style: ({ outcome }) => (outcome === 'refused' ? 'red' : 'green'),
  },
  { title: '', text: ({ note = '' }) => note },
]

/** Does an action to the runs that are named, or to all that the filters find. */
export function actOnRuns(call: Call, action: Action): Promise<number> {
  const { args } = call.parsed
  if (args.length > 0 && (hasFilter(call.parsed) || call.parsed.has('all'))) {
    throw usage('Runs are named either by their ids or by filters, not by both')
  }
  if (args.length === 0 && !hasFilter(call.parsed) && !call.parsed.has('all')) {
    throw usage('Which runs? Name their ids, give filters such as --blueprint or --updated-before, or --all')
  }
  return Servers.use(call, action.needs, async (servers) => {
    const client = servers.client()
    const ids = args.length > 0 ? [...new Set(args)] : await found(call, client, action)
    if (ids.length === 0) {
      call.io.note('No run matches.')
      return EXIT.done
    }
    if (action.isFinal || args.length === 0) await confirm(call, `${action.verb} ${counted(ids.length, 'run')}?`)
    return new Work(call, client, action).do(ids)
  })
}

/** The ids that the filters find, shown to people before anything is done. */
async function found(call: Call, client: RabbitMqClient, { statuses, verb }: Action): Promise<string[]> {
  const { parsed, io, signal } = call
  const ids: string[] = []
  const first: RunSummary[] = []
  for await (const runs of pagesOf(client, filtersOf(parsed, statuses), signal)) {
    if (first.length < SHOWN) first.push(...runs.slice(0, SHOWN - first.length))
    for (const { runId } of runs) ids.push(runId)
    io.progress(`${counted(ids.length, 'run')} found so far ...`)
  }
  signal.throwIfAborted()
  io.endProgress()
  if (ids.length === 0) return ids
  io.note(`${verb}: ${counted(ids.length, 'run')}`, 'bold')
  for (const { runId, status, blueprintId } of first)
    io.note(`  ${oneLine(runId)}  ${status ?? '?'}  ${blueprintId ?? '?'}`)
  if (ids.length > first.length) io.note(`  and ${counted(ids.length - first.length, 'other')}`)
  return ids
}

class Work {
  readonly #call: Call
  readonly #client: RabbitMqClient
  readonly #action: Action
  readonly #rows: Rows<Outcome>
  #done = 0
  #refused = 0
  /** Why runs were refused. */
  readonly #codes = new Set<KnownCode>()

  constructor(call: Call, client: RabbitMqClient, action: Action) {
    this.#call = call
    this.#client = client
    this.#action = action
    this.#rows = new Rows(call.io, formatOf(call.parsed), COLUMNS)
  }

  async do(ids: readonly string[]): Promise<number> {
    const { io, signal, parsed } = this.#call
    const left = ids.values()
    const showsAll = formatOf(parsed) !== 'table' || ids.length <= ALL_ROWS
    const line = async () => {
      for (const id of left) {
        const outcome = await this.#one(id)
        if (showsAll || outcome.outcome === 'refused') await this.#rows.add([outcome])
        io.progress(this.#said(ids.length), (this.#done + this.#refused) / ids.length)
        if (signal.aborted) return
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, ids.length) }, line))
    await this.#rows.end()
    io.endProgress()
    const ended = this.#done + this.#refused
    if (signal.aborted && ended < ids.length) {
      io.note(
        `Interrupted after ${ended} of ${ids.length}; the same command goes on with those that are left.`,
        'yellow',
      )
      return EXIT.interrupted
    }
    io.note(this.#said(ids.length))
    for (const line of new Set([...this.#codes].flatMap(todoOf))) io.note(`→ ${line}`)
    return this.#refused > 0 ? EXIT.notSo : EXIT.done
  }

  #said(all: number): string {
    const refused = this.#refused > 0 ? `, ${this.#refused} refused` : ''
    return `${this.#done} of ${counted(all, 'run')} ${this.#action.done}${refused}`
  }

  /** What becomes of a run. What a server cannot do at all ends the command. */
  async #one(runId: string): Promise<Outcome> {
    try {
      const note = await this.#action.act(this.#client.run(runId))
      this.#done += 1
      return { runId, outcome: this.#action.done, ...(note !== undefined && { note }) }
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined || !/^(RUN|NODE|ACTION|BLUEPRINT|CONTEXT|VALUE|WRITE)_/.test(code)) throw error
      this.#refused += 1
      this.#codes.add(code)
      return { runId, outcome: 'refused', note: (error as Error).message, code }
    }
  }
}
