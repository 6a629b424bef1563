/** `runs purge`. */

import type { RabbitMqClient } from '../../client/client.js'
import { oneLine } from '../../log.js'
import type { Call, Run } from '../command.js'
import { confirm } from '../confirm.js'
import { lengthOf } from '../durations.js'
import { EXIT, usage } from '../exit.js'
import { pagesOf } from '../filters.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { counted, formatOf } from '../shown.js'
import { inSteps } from '../steps.js'

const ENDS = ['completed', 'failed', 'cancelled'] as const
type End = (typeof ENDS)[number]

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io, signal } = call
    const olderThan = parsed.duration('older-than')
    if (olderThan === undefined) throw usage('How old? Say how long ago they last changed: --older-than 30d')
    const status = endsOf(parsed.list('status'))
    const client = servers.client()
    const tags = parsed.texts('tag')
    const list = { status, updatedBefore: Date.now() - olderThan, ...(tags.length > 0 && { tags }) }
    const changes: number[] = []
    let first: string | undefined
    for await (const runs of pagesOf(client, { list, limit: Number.POSITIVE_INFINITY }, signal)) {
      first ??= runs[0]?.runId
      for (const { updatedAt } of runs) changes.push(updatedAt?.getTime() ?? 0)
      const count = changes.length
      io.progress(`${counted(count, 'run')} found so far ...`)
    }
    signal.throwIfAborted()
    const count = changes.length
    if (count > 0) {
      io.note(
        `Remove for good: ${counted(count, 'run')} (${status.join(', ')})${tagged(tags)} that changed last ${lengthOf(olderThan)} ago or before`,
        'bold',
      )
      io.note(`  the first of them: ${oneLine(first ?? '')}`)
      await confirm(call, `Remove ${counted(count, 'run')}?`)
    }
    // From the oldest: each step removes those that changed last before the youngest of its own.
    const { count: removed, isInterrupted } = await inSteps(call, {
      all: changes.sort((one, other) => one - other),
      what: 'run',
      done: 'removed',
      act: (some, isLast) => {
        const age = isLast ? olderThan : Math.max(olderThan, Date.now() - (some.at(-1) ?? 0))
        return client.purge({ status, olderThan: age, ...(tags.length > 0 && { tags }) })
      },
    })
    if (tags.length > 0) await sayWhatIsLeft(call, client, tags)
    await showOne(io, formatOf(parsed), { removed }, () => [`${counted(removed, 'run')} removed`])
    return isInterrupted ? EXIT.interrupted : undefined
  })

function tagged(tags: readonly string[]): string {
  return tags.length > 0 ? ` with ${tags.map(oneLine).join(' and ')}` : ''
}

/** Whoever erases what a tag names has to know what of it is still there. */
async function sayWhatIsLeft({ io }: Call, client: RabbitMqClient, tags: readonly string[]): Promise<void> {
  const left = (await client.counts({ tags })).map(({ status, count }) => [status ?? '?', count] as const)
  if (left.length === 0) return
  const sums = new Map<string, number>()
  for (const [status, count] of left) sums.set(status, (sums.get(status) ?? 0) + count)
  const said = [...sums].map(([status, count]) => `${count.toLocaleString('en')} ${oneLine(status)}`)
  io.note(`Runs${tagged(tags)} that are still there: ${said.join(', ')}`, 'yellow')
}

function endsOf(given: readonly string[]): End[] {
  const unknown = given.find((status) => !(ENDS as readonly string[]).includes(status))
  if (unknown !== undefined)
    throw usage(`--status takes ${ENDS.join(', ')} here, not '${unknown}': only what is over is removed`)
  return given.length > 0 ? (given as End[]) : [...ENDS]
}
