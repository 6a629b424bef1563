/** A value as a tree. What is large is asked for when it is opened. */
import { useState } from 'react'
import { ApiError, read, type ValueView } from '../api.js'
import { counted, sizeOf } from '../format.js'
import { Copy, Icon, IconButton } from './basics.js'
import { toast } from './toasts.js'

interface Props {
  view: ValueView
  path: readonly string[]
  /** The run whose context it is of; absent where all of it is here. */
  runId?: string
  name?: string
  isOpen?: boolean
}

export function Tree({ view, path, runId, name, isOpen = false }: Props) {
  const [own, setOwn] = useState<ValueView | undefined>()
  const [open, setOpen] = useState(
    isOpen || (view.children !== undefined && view.size < 400 && path.length < 2 && !isOurs(name ?? '')),
  )
  const shown = own ?? view
  const isBranch = view.kind === 'object' || view.kind === 'array'
  const ask = async (from: number) => {
    if (runId === undefined) return
    try {
      const { value } = await read('run/context', { id: runId, path: JSON.stringify(path), from })
      if (!value) return
      setOwn(from === 0 ? value : { ...value, children: [...(shown.children ?? []), ...(value.children ?? [])] })
    } catch (error) {
      toast(error instanceof ApiError ? error.message : String(error), true)
    }
  }
  const toggle = () => {
    if (!open && shown.children === undefined) void ask(0)
    setOpen(!open)
  }
  const label = name === undefined ? null : <span className="key">{name}</span>
  if (!isBranch) {
    return (
      <div className="leaf">
        {label}
        <span className="value" data-kind={view.kind}>
          {view.kind === 'string' ? `"${view.text}${view.isCut ? '…' : ''}"` : view.text}
        </span>
        {view.isCut && <span className="dim"> {sizeOf(view.size)}</span>}
        {name !== undefined && <CopyValue {...{ view, path, runId }} />}
      </div>
    )
  }
  const count =
    shown.children && shown.next === undefined
      ? counted(shown.children.length, view.kind === 'array' ? 'item' : 'key')
      : ''
  return (
    <div className="branch">
      <div className="leaf">
        <button type="button" className="toggle" aria-expanded={open} onClick={toggle}>
          <Icon name="chevron" />
          {label}
          <span className="dim">
            {view.kind === 'array' ? '[ ]' : '{ }'} {[count, sizeOf(view.size)].filter(Boolean).join(', ')}
          </span>
        </button>
        {name !== undefined && <CopyValue {...{ view, path, runId }} />}
      </div>
      {open && (
        <div className="inside">
          {shown.children?.map(({ key, value }) => (
            <Tree key={key} name={key} view={value} path={[...path, key]} {...(runId !== undefined && { runId })} />
          ))}
          {shown.next !== undefined && (
            <button type="button" className="small" onClick={() => void ask(shown.next ?? 0)}>
              More, from {shown.next}
            </button>
          )}
          {shown.children?.length === 0 && <span className="dim">empty</span>}
        </div>
      )}
    </div>
  )
}

function CopyValue({ view, path, runId }: { view: ValueView; path: readonly string[]; runId: string | undefined }) {
  const what = path.at(-1) ?? 'the value'
  if (view.text !== undefined && !view.isCut) return <Copy text={view.text} what={what} />
  if (runId === undefined) return null
  return <CopyWhole path={path} runId={runId} what={what} />
}

/** Asks for a large value only when it is copied. */
function CopyWhole({ path, runId, what }: { path: readonly string[]; runId: string; what: string }) {
  const [json, setJson] = useState<string | undefined>()
  if (json !== undefined) return <Copy text={json} what={what} />
  const load = async () => {
    try {
      setJson((await read('run/copy', { id: runId, path: JSON.stringify(path) })).json)
      toast(`Loaded ${what}: copy it now`)
    } catch (error) {
      toast(error instanceof ApiError ? error.message : String(error), true)
    }
  }
  return <IconButton icon="copy" label={`Load ${what} to copy it`} act={() => void load()} />
}

/** Whether a key of a context is core's or the engine's own: people look for theirs first. */
export function isOurs(key: string): boolean {
  return key.startsWith('_')
}

/** A value that is here whole, as a tree has it. */
export function ofPlain(value: unknown): ValueView {
  const size = (JSON.stringify(value) ?? '').length
  if (Array.isArray(value)) {
    return { kind: 'array', size, children: value.map((each, at) => ({ key: String(at), value: ofPlain(each) })) }
  }
  if (typeof value === 'object' && value !== null) {
    return {
      kind: 'object',
      size,
      children: Object.entries(value).map(([key, each]) => ({ key, value: ofPlain(each) })),
    }
  }
  if (typeof value === 'string') return { kind: 'string', size, text: value }
  const kind = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'null'
  return { kind, size, text: String(value ?? null) }
}
