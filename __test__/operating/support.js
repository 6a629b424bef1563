// A worker as those who operate it see it: its handlers over HTTP, and what its event bus hears.
import { once } from 'node:events'
import { createServer } from 'node:http'

/** Serves a handler, and answers with a function that asks it. */
export async function served(t, handler) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return (path, options) => fetch(`http://127.0.0.1:${server.address().port}${path}`, options)
}

/** An event bus that keeps what it hears, and lets a test wait for it. */
export function heard() {
  const events = []
  const waiting = new Set()
  const emit = async (event) => {
    events.push(event)
    for (const look of [...waiting]) look()
  }
  const next = (type, from = 0) =>
    new Promise((resolve) => {
      const look = () => {
        const found = events.slice(from).find((event) => event.type === type)
        if (!found) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  return { events, next, bus: { emit } }
}

/** The codes of reasons. */
export const codes = (reasons) => reasons.map(({ code }) => code)

/** The series of a text of Prometheus, by their names with their labels. */
export function seriesOf(text) {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}
