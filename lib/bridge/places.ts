/** Where stored values belong, and what a codec authenticates of it. */
import type { ValuePlace } from '../options/codec.js'

/** What begins the keys of what is inside subflows. */
const INNER = '_flowcraft/'

/** The key of the output that a run was resumed with. */
export const RESUME_OUTPUT = '_resume.output'

/** A key of a run's context, as the engine stores it. */
export function placeOf(runId: string, key: string): ValuePlace {
  const owner = ownerOf(runId)
  return { runId, key, owner, text: `${owner} ${JSON.stringify(key)}` }
}

/** The last run that was named: the values of one come one after the other. */
let named = { runId: '', owner: 'run ""' }

function ownerOf(runId: string): string {
  if (named.runId !== runId) named = { runId, owner: `run ${JSON.stringify(canonical(runId))}` }
  return named.owner
}

/** A key of the context that a schedule gives to its runs. */
export function placeOfSchedule(scheduleId: string, key: string): ValuePlace {
  const owner = `schedule ${JSON.stringify(scheduleId)}`
  return { scheduleId, key, owner, text: `${owner} ${JSON.stringify(key)}` }
}

/** The payload of an event. */
export function placeOfEvent(runId: string, event: string): ValuePlace {
  return placeOf(runId, eventKey(event))
}

/** The key under which the payload of an event is known: in no context, for the ledger keeps it. */
export function eventKey(event: string): string {
  return `_event.${event}`
}

/** The schedule that a run of this id is of, if one started it. */
export function scheduleOf(runId: string): string | undefined {
  const end = runId.lastIndexOf('@')
  return end > 0 ? runId.slice(0, end) : undefined
}

/** What begins the keys that are seen inside a subflow: by the path of that, `container/`; none for the run itself. */
export function prefixInside(inside: string | undefined): string {
  return inside === undefined ? '' : `${INNER}${inside}/`
}

/** The same for the subflow that a node runs. */
export function prefixOfContainer(inside: string | undefined, nodeId: string): string {
  return prefixInside(`${inside ?? ''}${nodeId.replaceAll('~', '~0').replaceAll('/', '~1')}/`)
}

/** Whether the engine may move a value that stands under this key: to where the text no longer says where it was. */
export function moves({ scheduleId, key }: ValuePlace): boolean {
  return scheduleId !== undefined || key === RESUME_OUTPUT || key.startsWith(INNER) || key.startsWith(eventKey(''))
}

/** The id of a run as tables may write it, whose column is a UUID or a number. */
function canonical(runId: string): string {
  if (/^\s*[+-]?\d+\s*$/.test(runId)) return String(BigInt(runId.trim()))
  const digits = runId.replace(/[-{}]/g, '')
  return /^[0-9a-f]{32}$/i.test(digits) ? digits.toLowerCase() : runId.replace(/ +$/, '')
}
