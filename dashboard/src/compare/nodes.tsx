/** The nodes of two runs, with what differs marked. */
import { useState } from 'react'
import type { ComparedNode } from '../api.js'
import { counted, exactLengthOf } from '../format.js'
import { ROWS_AT_FIRST, ShowMore, Status } from '../parts/basics.js'
import { hrefOf } from '../route.js'
import { Different, type Pair, PairHead } from './mark.js'

type Side = NonNullable<ComparedNode['one']>

interface Props extends Pair {
  nodes: ComparedNode[]
  isShort: boolean
}

export function ComparedNodes({ nodes, one, other, isShort }: Props) {
  const [most, setMost] = useState(ROWS_AT_FIRST)
  const different = nodes.filter(({ isDifferent }) => isDifferent).length
  const found = isShort ? nodes.filter(({ isDifferent }) => isDifferent) : nodes
  return (
    <section aria-labelledby="nodes">
      <h2 id="nodes">Nodes</h2>
      <p className="dim" role="status">
        {different === 0 ? 'No node differs' : `${counted(different, 'node')} of ${nodes.length} differ`}.
      </p>
      {found.length > 0 && (
        <table className="rows compared">
          <caption className="offscreen">The nodes of the two runs</caption>
          <PairHead first="Node" one={one} other={other} />
          <tbody>
            {found.slice(0, most).map((node) => (
              <NodeRow key={node.nodeId} node={node} one={one} other={other} />
            ))}
          </tbody>
        </table>
      )}
      <ShowMore shown={most} of={found.length} one="node" set={setMost} />
    </section>
  )
}

function NodeRow({ node, one, other }: Pair & { node: ComparedNode }) {
  const { nodeId, isDifferent } = node
  return (
    <tr data-row data-different={isDifferent}>
      <th scope="row" className="id">
        <a data-open href={hrefOf('run', { id: node.other ? other : one, tab: 'nodes', node: nodeId })}>
          {nodeId}
        </a>{' '}
        <Different is={isDifferent} />
      </th>
      <SideCell side={node.one} differs={node.differs} />
      <SideCell side={node.other} differs={node.differs} />
    </tr>
  )
}

function SideCell({ side, differs }: { side: Side | undefined; differs: ComparedNode['differs'] }) {
  if (!side) return <td className="dim">not reached</td>
  const { state, execution, attempts, took, worker, error } = side
  const attempt = `${execution > 1 ? `execution ${execution}, ` : ''}${counted(attempts, 'attempt')}`
  const marked = (aspect: ComparedNode['differs'][number]) => <Different is={differs.includes(aspect)} />
  return (
    <td>
      <span className="side">
        <span>
          <Status of={state} /> {marked('state')}
        </span>
        <span>
          {attempt} {marked('attempts')}
        </span>
        <span>
          {took === undefined ? 'no duration' : exactLengthOf(took)} {marked('duration')}
        </span>
        {worker !== undefined && (
          <span>
            on <code>{worker}</code> {marked('worker')}
          </span>
        )}
      </span>
      {error !== undefined && (
        <span className="reason">
          {error} {marked('error')}
        </span>
      )}
    </td>
  )
}
