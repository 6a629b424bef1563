/** Dead letters: which are meant, and how they are shown. */
import { ALL, type DeadLetter, deadLetterOf } from '../api/dead-letters.js'
import { oneLine } from '../log.js'
import type { Call } from './command.js'
import { confirm } from './confirm.js'
import { CliError, EXIT, usage } from './exit.js'
import type { Column } from './output.js'
import { showOne } from './output.js'
import type { Parsed } from './parsed.js'
import { Servers } from './servers.js'
import { counted, formatOf, moment } from './shown.js'
import { inSteps } from './steps.js'

const SHOWN = 5

export const COLUMNS: readonly Column<DeadLetter>[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'SINCE', text: ({ time }) => moment(time) },
  { title: 'QUEUE', text: ({ queue }) => queue },
  { title: 'RUN', text: ({ job }) => job?.runId ?? '' },
  { title: 'NODE', text: ({ job }) => job?.nodeId ?? '' },
  { title: 'REASON', text: ({ reason }) => reason ?? 'somebody else put it there, and says no reason' },
]

/** The dead letters that the flags ask for, the oldest first. */
export async function lettersOf(servers: Servers, parsed: Parsed): Promise<DeadLetter[]> {
  const { engine } = servers.host()
  const limit = parsed.number('limit', { from: 1, to: ALL })
  const [run, blueprint] = [parsed.text('run'), parsed.text('blueprint')]
  const isAny = run === undefined && blueprint === undefined
  const letters = (await engine.deadLetters(isAny ? (limit ?? ALL) : ALL)).map(deadLetterOf)
  const found = letters.filter(
    ({ job }) =>
      (run === undefined || job?.runId === run) && (blueprint === undefined || job?.blueprintId === blueprint),
  )
  return limit === undefined ? found : found.slice(0, limit)
}

/** Puts the chosen dead letters back, or removes them. */
export function take(call: Call, kind: 'replay' | 'discard'): Promise<number> {
  const { parsed, io } = call
  const { args } = parsed
  const isFiltered = parsed.has('run') || parsed.has('blueprint') || parsed.has('all')
  if (args.length > 0 && isFiltered) throw usage('Dead letters are named either by their ids or by flags, not by both')
  if (args.length === 0 && !isFiltered) throw usage('Which dead letters? Name their ids, --run, --blueprint, or --all')
  return Servers.use(call, ['amqp'], async (servers) => {
    const { engine } = servers.host()
    const letters = await lettersOf(servers, parsed)
    const chosen = args.length > 0 ? letters.filter(({ id }) => args.includes(id)) : letters
    const missing = args.filter((id) => !letters.some((letter) => letter.id === id))
    if (missing.length > 0) {
      const todo = ['flowcraft-rabbitmq dead list shows those there are']
      throw new CliError(`There is no dead letter ${missing.map(oneLine).join(', ')}`, EXIT.notSo, todo)
    }
    const [verb, done] = kind === 'replay' ? ['Put back', 'put back'] : ['Remove for good', 'removed']
    if (chosen.length > 0 && (kind === 'discard' || args.length === 0)) {
      io.note(`${verb}: ${counted(chosen.length, 'dead letter')}`, 'bold')
      for (const { id, reason = '' } of chosen.slice(0, SHOWN)) io.note(`  ${id}  ${reason.slice(0, 120)}`)
      if (chosen.length > SHOWN) io.note(`  and ${counted(chosen.length - SHOWN, 'other')}`)
      await confirm(call, `${verb} ${counted(chosen.length, 'dead letter')}?`)
    }
    const { count, isInterrupted } = await inSteps(call, {
      all: chosen.map(({ id }) => id),
      what: 'dead letter',
      done,
      // With a limit, the engine reads no further than to the last of them.
      act: (ids) => engine[kind]([...ids], ids.length),
    })
    await showOne(io, formatOf(parsed), { count }, () => [`${counted(count, 'dead letter')} ${done}`])
    return isInterrupted ? EXIT.interrupted : EXIT.done
  })
}
