// How far the orders are: one line that is written over and over on a terminal, a line now and then elsewhere.

import { dim, green, moving, red } from './terminal.js'

const BAR_WIDTH = 24
const LINE_EVERY_MS = 2000
const CLEAR_LINE = '\r\x1b[2K'

/**
 * @typedef {{ placed: number, completed: number, failed: number, jobs: Record<string, number> }} State
 *
 * @param {{ total: number, log: (line: string) => void }} options
 * @returns {{ show: (state: State) => void, note: (line: string) => void, end: () => void }} `note` shows a
 *   line that is not progress
 */
export function createProgress({ total, log }) {
  return moving ? bar(total) : lines(total, log)
}

function bar(total) {
  const begin = performance.now()
  let shown = ''
  const draw = (text) => process.stdout.write(CLEAR_LINE + text)
  return {
    show({ placed, completed, failed, jobs }) {
      const width = (count) => Math.round((count / total) * BAR_WIDTH)
      const done = width(completed + failed)
      const under = Math.max(0, width(placed) - done)
      const track = green('█'.repeat(done)) + green('▒'.repeat(under)) + dim('░'.repeat(BAR_WIDTH - done - under))
      const rest = [`${completed}/${total} orders`, ...(failed ? [red(`${failed} failed`)] : []), ...counts(jobs)]
      shown = fitting([track, ...rest, `${seconds(begin)} s`])
      draw(shown)
    },
    note(line) {
      draw(`${line}\n${shown}`)
    },
    end() {
      if (shown) process.stdout.write('\n')
      shown = ''
    },
  }
}

/** As many of the parts as one line of the terminal holds. */
function fitting(parts) {
  let line = parts[0]
  let length = BAR_WIDTH
  for (const part of parts.slice(1)) {
    length += 2 + part.length
    if (length >= (process.stdout.columns || 80)) break
    line += `  ${part}`
  }
  return line
}

function lines(total, log) {
  const begin = performance.now()
  let last = begin
  let latest = ''
  let written = ''
  const write = () => {
    if (latest !== written) log(latest)
    written = latest
    last = performance.now()
  }
  return {
    show({ placed, completed, failed, jobs }) {
      const parts = [
        `${seconds(begin).padStart(5)} s`,
        `${String(placed).padStart(2)} of ${total} orders placed`,
        `${String(completed).padStart(2)} done`,
        ...(failed ? [`${failed} failed`] : []),
        ...counts(jobs),
      ]
      latest = parts.join('  ')
      if (performance.now() - last >= LINE_EVERY_MS) write()
    },
    note: log,
    end: write,
  }
}

function counts(jobs) {
  return Object.entries(jobs).map(([worker, count]) => `${worker}: ${String(count).padStart(3)} jobs`)
}

function seconds(begin) {
  return ((performance.now() - begin) / 1000).toFixed(1)
}
