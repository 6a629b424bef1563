/** `queues`. */

import { depthOf, type Waiting, waitingRuns } from '../../client/queue-facts.js'
import type { Run } from '../command.js'
import { lengthOf } from '../durations.js'
import type { Io } from '../io.js'
import { type Management, managementOf, NoRates, type Rates } from '../management.js'
import { type Column, Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

interface QueueRow extends Partial<Rates> {
  queue: string
  exists: boolean
  waiting: number
  consumers: number
  deadLetters: number
  /** Running runs whose jobs go through it. */
  running?: number
  /** How long the one of them that has not changed for longest has not, in milliseconds. */
  oldestMs?: number
}

const COLUMNS: readonly Column<QueueRow>[] = [
  { title: 'QUEUE', text: ({ queue }) => queue },
  { title: 'WAITING', text: ({ exists, waiting }) => (exists ? String(waiting) : 'no such queue'), isNumber: true },
  {
    title: 'CONSUMERS',
    text: ({ consumers }) => String(consumers),
    isNumber: true,
    style: ({ consumers }) => (consumers === 0 ? 'red' : undefined),
  },
  {
    title: 'DEAD',
    text: ({ deadLetters }) => String(deadLetters),
    isNumber: true,
    style: ({ deadLetters }) => (deadLetters > 0 ? 'red' : undefined),
  },
  { title: 'RUNNING RUNS', text: ({ running }) => (running === undefined ? '?' : String(running)), isNumber: true },
  { title: 'OLDEST CHANGE', text: ({ oldestMs }) => (oldestMs === undefined ? '' : `${lengthOf(oldestMs)} ago`) },
]

const rate = (title: string, of: (row: QueueRow) => number | undefined): Column<QueueRow> => ({
  title,
  text: (row) => of(row)?.toFixed(1) ?? '?',
  isNumber: true,
})

/** Only where somebody said where the management plugin is. */
const RATES: readonly Column<QueueRow>[] = [
  rate('IN/S', ({ publishedPerSecond }) => publishedPerSecond),
  rate('OUT/S', ({ deliveredPerSecond }) => deliveredPerSecond),
  rate('DONE/S', ({ acknowledgedPerSecond }) => acknowledgedPerSecond),
  { title: 'HELD', text: ({ held }) => (held === undefined ? '?' : String(held)), isNumber: true },
]

export const run: Run = (call) =>
  Servers.use(call, ['amqp'], async (servers) => {
    const { parsed, io } = call
    const broker = servers.broker()
    const waiting =
      servers.settings.database === undefined ? undefined : await waitingRuns(servers.database(), servers.settings)
    if (!waiting) io.note('The address of PostgreSQL is not set (DATABASE_URL): runs are not counted.', 'yellow')
    const management = managementOf(servers.settings)
    const rates = management && (await ratesOf(management, servers.queues, io))
    const rows = new Rows(io, formatOf(parsed), management ? [...COLUMNS, ...RATES] : COLUMNS)
    for (const queue of servers.queues) {
      const [own, dead] = [await depthOf(broker, queue), await depthOf(broker, `${queue}.dead`)]
      await rows.add([
        {
          queue,
          exists: own !== undefined,
          waiting: own?.messages ?? 0,
          consumers: own?.consumers ?? 0,
          deadLetters: dead?.messages ?? 0,
          ...(waiting && runsOf(waiting, queue)),
          ...rates?.get(queue),
        },
      ])
    }
    await rows.end()
    return undefined
  })

/** What the plugin tells; nothing, and why in one line, where it does not. */
async function ratesOf(
  management: Management,
  queues: readonly string[],
  io: Io,
): Promise<Map<string, Rates> | undefined> {
  try {
    const told = await Promise.all(queues.map(async (queue) => [queue, await management.rates(queue)] as const))
    return new Map(told.filter((each): each is [string, Rates] => each[1] !== undefined))
  } catch (error) {
    if (!(error instanceof NoRates)) throw error
    io.note(`There are no rates. ${error.message}`, 'yellow')
    return undefined
  }
}

function runsOf(waiting: readonly Waiting[], queue: string): { running: number; oldestMs?: number } {
  const own = waiting.filter((each) => each.queue === queue)
  const running = own.reduce((sum, { runs }) => sum + runs, 0)
  return { running, ...(own.length > 0 && { oldestMs: Math.round(Math.max(...own.map(({ age }) => age))) }) }
}
