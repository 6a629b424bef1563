/** A dialog that asks before something is done, says why it was not, and has two ways out. */
import { type ReactNode, useState } from 'react'
import { Dialog } from './basics.js'

/** What somebody wrote as JSON; undefined where they wrote nothing. */
export function written(text: string, what: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`The ${what} is no JSON: a text stands in quotation marks`)
  }
}

interface Props {
  title: string
  /** What the button says that does it. */
  verb: string
  close: () => void
  /** Does it, and closes the dialog; what it throws is shown. */
  send: () => Promise<void>
  /** It cannot be undone. */
  isGrave?: boolean
  isReady?: boolean
  children: ReactNode
}

export function Ask({ title, verb, close, send, isGrave = false, isReady = true, children }: Props) {
  const [failure, setFailure] = useState('')
  const [isOn, setOn] = useState(false)
  const run = async () => {
    setOn(true)
    try {
      await send()
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error))
      setOn(false)
    }
  }
  return (
    <Dialog title={title} close={close}>
      {children}
      {failure && (
        <p className="bad" role="alert">
          {failure}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Leave it
        </button>
        <button
          type="button"
          className={isGrave ? 'primary danger' : 'primary'}
          disabled={isOn || !isReady}
          onClick={() => void run()}
        >
          {verb}
        </button>
      </footer>
    </Dialog>
  )
}

interface FieldProps {
  label: string
  value: string
  set: (value: string) => void
  placeholder?: string
}

export function TextField({ label, value, set, placeholder }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input value={value} placeholder={placeholder} onChange={(change) => set(change.target.value)} />
    </label>
  )
}

export function JsonField({ label, value, set, placeholder }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <textarea
        rows={4}
        spellCheck={false}
        value={value}
        placeholder={placeholder}
        onChange={(change) => set(change.target.value)}
      />
    </label>
  )
}
