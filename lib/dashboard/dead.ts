/** Dead letters: messages that could not be processed. */
import { ALL, type DeadLetter, deadLetterOf } from '../api/dead-letters.js'
import type { Board } from './board.js'
import type { Input } from './input.js'
import { Refusal } from './refusal.js'

/** How many are shown. */
const MOST = 500
/** How much of a body is shown, in characters. */
const LONGEST_BODY = 100_000

export type ShownLetter = DeadLetter & { isCut?: true }

/** The oldest ones. They stay where they are, and each look is a delivery: all viewers share it. */
export function deadLetters(board: Board): Promise<{ letters: ShownLetter[]; isMore: boolean }> {
  const { host, shared } = board
  return shared.get('dead letters', 5_000, async () => {
    const letters = (await host.answer(host.engine.deadLetters(MOST + 1))).map(deadLetterOf)
    return { letters: letters.slice(0, MOST).map((letter) => shown(board, letter)), isMore: letters.length > MOST }
  })
}

function shown({ redaction }: Board, { body, reason, ...letter }: DeadLetter): ShownLetter {
  const text = redaction.whole(asJson(body), ['body'], 'deadLetter')
  const isText = asJson(body) !== body
  const whole = isText && text.startsWith('"') ? (JSON.parse(text) as string) : text
  const isCut = whole.length > LONGEST_BODY
  return {
    ...letter,
    ...(reason !== undefined && { reason: redaction.value(reason, ['reason'], 'deadLetter') }),
    body: isCut ? whole.slice(0, LONGEST_BODY) : whole,
    ...(isCut && { isCut }),
  }
}

/** A body that is JSON as it is; any other as a JSON text. */
function asJson(body: string): string {
  try {
    JSON.parse(body)
    return body.trim()
  } catch {
    return JSON.stringify(body)
  }
}

/** Puts dead letters back into their queues. */
export async function replay(board: Board, input: Input): Promise<{ count: number }> {
  const { host, shared } = board
  const count = await host.answer(host.engine.replay(idsOf(input), ALL))
  shared.forget()
  return { count }
}

/** Removes dead letters for good. */
export async function discard(board: Board, input: Input): Promise<{ count: number }> {
  const { host, shared } = board
  const count = await host.answer(host.engine.discard(idsOf(input), ALL))
  shared.forget()
  return { count }
}

/** Those that were seen: one that came meanwhile is not meant. */
function idsOf(input: Input): string[] {
  const ids = input.texts('ids')
  if (ids.length > 0 && ids.length <= MOST) return ids
  throw new Refusal('INVALID_ARGUMENT', `ids are 1 to ${MOST} ids of dead letters`)
}
