/** The streams of a command: data on standard output, everything else on standard error. */
import { once } from 'node:events'
import { oneLine } from '../log.js'
import { EXIT } from './exit.js'

const isSet = (value: string | undefined) => value !== undefined && value !== '' && value !== '0' && value !== 'false'

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof CODES
/** Paints a text, where there is colour. */
export type Paint = (style: Style | undefined, text: string) => string

/** How many signs a bar has. */
const BAR = 24

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Whether a stream shows colours: a terminal, unless NO_COLOR is set. FORCE_COLOR is for tests and recordings. */
function hasColour({ isTTY }: Stream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  return isSet(FORCE_COLOR) || (isTTY === true && TERM !== 'dumb')
}

const painter =
  (colours: boolean): Paint =>
  (style, text) =>
    colours && style ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text

export class Io {
  readonly #out = process.stdout
  readonly #err = process.stderr
  /** For standard output. */
  readonly paint = painter(hasColour(process.stdout))
  /** For standard error. */
  readonly paintNote = painter(hasColour(process.stderr))
  /** Whether a person can be asked. */
  readonly canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true
  /** Whether lines of standard output can be drawn over. */
  readonly canRedraw = process.stdout.isTTY === true && process.env.TERM !== 'dumb'
  /** Whether a line of standard error can be drawn over. */
  readonly #movesNotes = process.stderr.isTTY === true && process.env.TERM !== 'dumb' && !isSet(process.env.CI)
  #progress = ''

  /** Ends quietly when whoever reads closes the pipe. */
  constructor() {
    for (const stream of [this.#out, this.#err])
      stream.on('error', (error: NodeJS.ErrnoException) => {
        process.exit(error.code === 'EPIPE' ? EXIT.pipeClosed : EXIT.bug)
      })
  }

  get columns(): number {
    return this.#out.columns || 100
  }

  get rows(): number {
    return this.#out.rows || 40
  }

  /** Writes data, no faster than it is read. */
  async write(text: string): Promise<void> {
    if (text !== '' && !this.#out.write(text)) await once(this.#out, 'drain')
  }

  /** Says something to people: a line on standard error, with nothing in it that moves the cursor. */
  note(text: string, style?: Style): void {
    this.#clearProgress()
    this.#err.write(`${this.paintNote(style, oneLine(text))}\n`)
  }

  /**
   * How far a long work is: on terminals only, a line that is drawn over.
   *
   * @param part From 0 to 1, as a bar.
   */
  progress(text: string, part?: number): void {
    if (!this.#movesNotes) return
    const done = Math.round((part ?? 0) * BAR)
    const bar = part === undefined ? '' : `${'█'.repeat(done)}${'░'.repeat(BAR - done)}  `
    this.#progress = (bar + oneLine(text)).slice(0, (this.#err.columns || 80) - 1)
    this.#err.write(`\r\x1b[2K${this.#progress}`)
  }

  endProgress(): void {
    this.#clearProgress()
  }

  /** Waits until everything is written. */
  async flush(): Promise<void> {
    const flushed = (stream: NodeJS.WriteStream) => new Promise<void>((resolve) => stream.write('', () => resolve()))
    await Promise.all([flushed(this.#out), flushed(this.#err)])
  }

  #clearProgress(): void {
    if (this.#progress === '') return
    this.#progress = ''
    this.#err.write('\r\x1b[2K')
  }
}
