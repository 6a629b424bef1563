/** Two runs beside each other, for people: the nodes that went another way, and the keys whose values differ. */
import type { ComparedNode, ComparedRun, ComparedSide, KeyDifference, NodeAspect } from '../client/differences.js'
import { oneLine } from '../log.js'
import { lengthOf } from './durations.js'
import type { Io, Style } from './io.js'
import { facts } from './output.js'
import { counted } from './shown.js'

export interface Comparison {
  one: ComparedRun
  other: ComparedRun
  nodes: ComparedNode[]
  context: { differences: KeyDifference[]; same: number; hidden: string[] }
}

/** As much of a value is shown on its line. */
const LONGEST_VALUE = 60

const CHANGES: Record<KeyDifference['change'], readonly [string, Style]> = {
  added: ['+', 'green'],
  removed: ['-', 'red'],
  changed: ['~', 'yellow'],
}

/** The lines of a comparison; of nodes that are alike too if `all` are wanted. */
export function linesOfComparison(io: Io, { one, other, nodes, context }: Comparison, all: boolean): string[] {
  const different = nodes.filter(({ isDifferent }) => isDifferent)
  const { differences, same, hidden } = context
  return [
    ...facts(io, [
      ['run', `${one.runId} → ${other.runId}`],
      ['status', pair(one.status, other.status)],
      ['blueprint', pair(one.blueprintId, other.blueprintId)],
      ['version', pair(versionOf(one), versionOf(other))],
      ['took', pair(lengthIf(one.took), lengthIf(other.took))],
    ]),
    '',
    io.paint('dim', `${counted(different.length, 'node differs', 'nodes differ')} of ${nodes.length}`),
    ...(all ? nodes : different).map((node) => lineOfNode(io, node)),
    '',
    io.paint(
      'dim',
      `${counted(differences.length, 'key differs', 'keys differ')} of ${differences.length + same + hidden.length}`,
    ),
    ...differences.map((difference) => lineOfKey(io, difference)),
    ...hidden.map(
      (key) => `${io.paint('dim', '?')} ${oneLine(key)}  encrypted in both: name the codec, --codec ./codec.js`,
    ),
  ]
}

/** Blueprints have versions of any kind. */
function versionOf({ version }: ComparedRun): string | undefined {
  return version === undefined || version === null ? undefined : String(version)
}

/** What both say, or what each does. */
function pair(one: string | undefined, other: string | undefined): string | undefined {
  return one === other ? one : `${one ?? '–'} → ${other ?? '–'}`
}

function lengthIf(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : lengthOf(milliseconds)
}

function lineOfNode(io: Io, { nodeId, one, other, differs, isDifferent }: ComparedNode): string {
  const mark = isDifferent ? io.paint('yellow', '~') : io.paint('dim', '=')
  if (!one || !other) return `${mark} ${oneLine(nodeId)}  only the ${one ? 'first' : 'second'} reached it`
  const notes = differs.map((aspect) => `${aspect} ${pair(said(one, aspect), said(other, aspect))}`)
  return `${mark} ${oneLine(nodeId)}  ${oneLine(notes.join('; '))}`.trimEnd()
}

function said(side: ComparedSide, aspect: NodeAspect): string | undefined {
  switch (aspect) {
    case 'state':
      return side.state
    case 'attempts':
      return side.execution > 1 ? `${side.attempts} of execution ${side.execution}` : `${side.attempts}`
    case 'duration':
      return lengthIf(side.took)
    case 'worker':
      return side.worker
    case 'error':
      return side.error
    default:
      return undefined
  }
}

function lineOfKey(io: Io, { key, change, one, other }: KeyDifference): string {
  const [mark, style] = CHANGES[change]
  const values = [one, other].flatMap((json) => (json === undefined ? [] : [shortened(oneLine(json))]))
  return `${io.paint(style, mark)} ${oneLine(key)}  ${values.join(' → ')}`
}

function shortened(text: string): string {
  const signs = [...text]
  return signs.length > LONGEST_VALUE ? `${signs.slice(0, LONGEST_VALUE).join('')}…` : text
}
