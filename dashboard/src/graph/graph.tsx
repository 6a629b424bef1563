/** The graph of a run, with its states as they change. */
import {
  Background,
  Controls,
  type Edge,
  Handle,
  MarkerType,
  MiniMap,
  type Node,
  type NodeChange,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react'
import '@xyflow/react/dist/style.css'
import { createContext, useContext, useMemo, useState } from 'react'
import type { DrawnBlueprint, Run } from '../api.js'
import { counted, numberOf } from '../format.js'
import { Icon } from '../parts/basics.js'
import { BOX, useLayout } from './layout.js'
import { type Box, drawingOf, MADE_UP } from './model.js'

/** More boxes are drawn only if somebody wants it. */
const ASKED_ABOVE = 400

type BoxNode = Node<{ box: Box; isWide: boolean }, 'box'>

const TYPES = { box: BoxView }
const Turn = createContext<(id: string) => void>(() => {})

interface Props {
  run: Run
  blueprints: readonly DrawnBlueprint[]
  chosen: string | undefined
  choose: (nodeId: string | undefined) => void
}

export function Graph({ run, blueprints, chosen, choose }: Props) {
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set())
  const [wantsAll, setWantsAll] = useState(false)
  const { nodes, blueprintId } = run
  const drawing = useMemo(
    () => drawingOf({ blueprints, blueprintId, nodes, turned }),
    [blueprints, blueprintId, nodes, turned],
  )
  const isAsked = drawing.boxes.length <= ASKED_ABOVE || wantsAll
  const places = useLayout(drawing, isAsked)
  const isWide = window.innerWidth > 720
  const shownNodes = useMemo<BoxNode[]>(
    () =>
      places
        ? drawing.boxes.map((box) => {
            const [x, y] = places[box.id] ?? [0, 0]
            return {
              id: box.id,
              type: 'box',
              position: { x, y },
              data: { box, isWide },
              selected: box.id === chosen,
              ...BOX,
              ariaLabel: `${box.title}: ${box.state}`,
            }
          })
        : [],
    [drawing, places, chosen, isWide],
  )
  const shownEdges = useMemo<Edge[]>(
    () =>
      drawing.lines.map(({ id, source, target, label, isBack, isTaken, isInner }) => ({
        id,
        source,
        target,
        type: isBack ? 'default' : 'smoothstep',
        focusable: false,
        className: [isTaken && 'taken', isBack && 'back', isInner && 'inner'].filter(Boolean).join(' '),
        markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14 },
        ...(label !== undefined && { label, labelBgPadding: [4, 2] as [number, number], labelBgBorderRadius: 4 }),
      })),
    [drawing],
  )
  const turn = (id: string) => {
    const next = new Set(turned)
    if (!next.delete(id)) next.add(id)
    setTurned(next)
  }
  // Keys select a box, and click none.
  const chooseSelected = (changes: NodeChange<BoxNode>[]) => {
    const selected = changes.find((change) => change.type === 'select' && change.selected)
    if (selected?.type === 'select' && nodes.some(({ nodeId }) => nodeId === selected.id)) choose(selected.id)
  }
  if (drawing.boxes.length === 0) return <p className="empty">No node was reached yet.</p>
  if (!isAsked) {
    return (
      <div className="empty">
        <p>The graph has {counted(drawing.boxes.length, 'node')}. To draw it takes some seconds.</p>
        <button type="button" className="primary" onClick={() => setWantsAll(true)}>
          Draw {numberOf(drawing.boxes.length)} nodes
        </button>
      </div>
    )
  }
  if (!places) return <p className="empty">Laying out {counted(drawing.boxes.length, 'node')} …</p>
  return (
    <Turn.Provider value={turn}>
      <ReactFlow
        className="graph"
        nodes={shownNodes}
        edges={shownEdges}
        nodeTypes={TYPES}
        onNodeClick={(_, node) => choose(node.data.box.node ? node.id : undefined)}
        onNodesChange={chooseSelected}
        onPaneClick={() => choose(undefined)}
        onlyRenderVisibleElements={drawing.boxes.length > 100}
        nodesDraggable={false}
        nodesConnectable={false}
        fitView
        fitViewOptions={{ padding: 0.12, maxZoom: 1 }}
        minZoom={0.04}
        maxZoom={2}
        proOptions={{ hideAttribution: true }}
        aria-label="The graph of the run"
      >
        <Background gap={20} size={1} />
        <Controls showInteractive={false} />
        {drawing.boxes.length > 30 && (
          <MiniMap
            pannable
            zoomable
            nodeClassName={(node) => `mini ${(node as BoxNode).data.box.state}`}
            ariaLabel="Small map"
          />
        )}
      </ReactFlow>
    </Turn.Provider>
  )
}

function BoxView({ data: { box, isWide }, selected }: NodeProps<BoxNode>) {
  const turn = useContext(Turn)
  const { title, uses, state, node, group } = box
  return (
    <div className={selected ? 'box selected' : 'box'} data-status={state}>
      <Handle type="target" position={isWide ? Position.Left : Position.Top} isConnectable={false} />
      <div className="boxTitle" title={title}>
        {title}
      </div>
      <div className="boxFacts">
        <span className="word">{group && !node ? countsOf(group.states) : state}</span>
        {node && node.execution > 1 && group?.kind !== 'subflow' && (
          <span title="Which execution">×{node.execution}</span>
        )}
        {node && node.attempt > 1 && <span title="Which attempt">try {node.attempt}</span>}
        {group?.kind === 'subflow' && <span>{countsOf(group.states) || group.count} inside</span>}
        {!group && uses !== undefined && uses !== title && !MADE_UP.test(uses) && <span className="uses">{uses}</span>}
      </div>
      {group && (
        <button
          type="button"
          className="fold nodrag"
          aria-label={`${group.isFolded ? 'Unfold' : 'Fold'} ${title}`}
          aria-expanded={!group.isFolded}
          onClick={(event) => {
            event.stopPropagation()
            turn(group.key)
          }}
        >
          <Icon name="chevron" />
        </button>
      )}
      <Handle type="source" position={isWide ? Position.Right : Position.Bottom} isConnectable={false} />
    </div>
  )
}

/** `3 failed, 997 done` */
function countsOf(states: NonNullable<Box['group']>['states']): string {
  return Object.entries(states)
    .sort(([one], [other]) => (one === 'failed' ? -1 : other === 'failed' ? 1 : 0))
    .map(([state, count]) => `${numberOf(count)} ${state}`)
    .join(', ')
}
