/** Lays a graph out, beside the page: a large one takes seconds. */
import dagre from '@dagrejs/dagre'

export interface LayoutRequest {
  number: number
  boxes: string[]
  lines: [source: string, target: string][]
  width: number
  height: number
  isWide: boolean
}

export interface LayoutAnswer {
  number: number
  places: Record<string, [x: number, y: number]>
}

self.onmessage = ({ data }: MessageEvent<LayoutRequest>) => {
  const { number, boxes, lines, width, height, isWide } = data
  const graph = new dagre.graphlib.Graph({ multigraph: false })
  graph.setGraph({ rankdir: isWide ? 'LR' : 'TB', nodesep: 22, ranksep: isWide ? 64 : 44, marginx: 8, marginy: 8 })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const id of boxes) graph.setNode(id, { width, height })
  for (const [source, target] of lines) graph.setEdge(source, target)
  dagre.layout(graph)
  const places = Object.fromEntries(
    boxes.map((id): [string, [number, number]] => {
      const { x, y } = graph.node(id) as { x: number; y: number }
      return [id, [x - width / 2, y - height / 2]]
    }),
  )
  self.postMessage({ number, places } satisfies LayoutAnswer)
}
