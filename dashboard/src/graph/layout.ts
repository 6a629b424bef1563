/** Asks for a layout, and keeps it for as long as the same boxes hang together the same way. */
import { useEffect, useRef, useState } from 'react'
import type { LayoutAnswer, LayoutRequest } from './layout.worker.js'
import type { Drawing } from './model.js'

export const BOX = { width: 190, height: 58 }

type Places = LayoutAnswer['places']

/** Where each box stands; absent while that is found out. Without lines, boxes stand in rows. */
export function useLayout(drawing: Drawing, isAsked: boolean): Places | undefined {
  const [found, setFound] = useState<{ key: string; places: Places } | undefined>()
  const worker = useRef<Worker | undefined>(undefined)
  const number = useRef(0)
  const key = [...drawing.boxes.map(({ id }) => id), '|', ...drawing.lines.map(({ id }) => id)].join('\n')
  const latest = useRef(drawing)
  latest.current = drawing

  useEffect(() => {
    if (!isAsked) return
    const { boxes, lines } = latest.current
    if (lines.length === 0) {
      setFound({ key, places: inRows(boxes.map(({ id }) => id)) })
      return
    }
    worker.current ??= new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' })
    number.current += 1
    const request: LayoutRequest = {
      number: number.current,
      boxes: boxes.map(({ id }) => id),
      lines: lines.filter(({ isBack }) => !isBack).map(({ source, target }) => [source, target]),
      ...BOX,
      isWide: window.innerWidth > 720,
    }
    worker.current.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => {
      if (data.number === number.current) setFound({ key, places: data.places })
    }
    worker.current.postMessage(request)
  }, [key, isAsked])

  useEffect(
    () => () => {
      worker.current?.terminate()
      worker.current = undefined
    },
    [],
  )
  return found?.key === key ? found.places : undefined
}

function inRows(ids: readonly string[]): Places {
  const perRow = Math.max(1, Math.ceil(Math.sqrt(ids.length / 1.6)))
  return Object.fromEntries(
    ids.map((id, at) => [id, [(at % perRow) * (BOX.width + 24), Math.floor(at / perRow) * (BOX.height + 24)]]),
  )
}
