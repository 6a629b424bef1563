// A dashboard over a fleet in memory, asked as its page asks, and as no page would.
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { dashboardHandler } from '@flowcraft/rabbitmq-adapter/dashboard'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow, NullLogger } from 'flowcraft'

/** What an action says beside its body. */
export const WRITE = { 'content-type': 'application/json', 'x-flowcraft-dashboard': '1' }

/** `charge -> approval -> ship`, which awaits a person; `charge` fails while `world.declined`. */
export function orders(world = {}) {
  return createFlow('order')
    .node('charge', async () => {
      if (world.declined) throw new Error('The card was declined')
      return { output: { amount: 42 } }
    })
    .wait('approval')
    .node('ship', async ({ input }) => ({ output: input ?? 'shipped' }))
    .node('refund', async () => ({ output: 'refunded' }))
    .edge('charge', 'approval')
    .edge('approval', 'ship', { action: 'approve' })
    .edge('approval', 'refund', { action: 'reject' })
}

/** One node. */
export const quick = createFlow('quick').node('only', async () => ({ output: 'done' }))

/** Serves a dashboard until the test ends; `handler` may stand around it. */
export async function serve(t, options, handler = (own) => own) {
  const server = createServer(handler(dashboardHandler({ logger: new NullLogger(), ...options })))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** An environment and a dashboard over it. */
export async function boardFor(t, { flows = { order: orders(), quick }, env: options, ...board } = {}) {
  const env = await createTestEnvironment({ flows, ...options })
  t.after(() => env.close())
  const url = await serve(t, { client: env.client, ...board })
  const get = (call, query = {}) => ask(`${url}/api/${call}?${new URLSearchParams(query)}`)
  const post = (call, body, headers = {}) =>
    ask(`${url}/api/${call}`, { method: 'POST', headers: { ...WRITE, ...headers }, body: JSON.stringify(body) })
  return { env, url, get, post }
}

/** The status of an answer, and what it says. */
export async function ask(url, init) {
  const response = await fetch(url, init)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

/** A request byte by byte: `fetch` mends paths, and refuses some headers. */
export function raw(url, path, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, path, method, headers }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}
