// The service over HTTP: each route is one call of the client. With main.js, this is all the glue there is.
import { json } from 'node:stream/consumers'
import { FlowcraftAdapterError } from '@flowcraft/rabbitmq-adapter'

const STATUSES = {
  ...{ RUN_NOT_FOUND: 404, RESULT_TIMEOUT: 504, RUN_FAILED: 422, RUN_CANCELLED: 422 },
  ...{ NODE_NOT_AWAITING: 409, RUN_ENDED: 409, RUN_NOT_FAILED: 409, INVALID_ARGUMENT: 400 },
}

/** An event bus that counts, and says what it counted as Prometheus reads it. */
export function counter(counts = new Map()) {
  return {
    emit: ({ type }) => void counts.set(type, (counts.get(type) ?? 0) + 1),
    text: () => [...counts].map(([type, count]) => `orders_events_total{type="${type}"} ${count}\n`).join(''),
  }
}

/** The request handler of the service, over a worker's adapter and the counter of its events. */
export function api(adapter, { events, remindAfterMs = 24 * 3_600_000 }) {
  const { client } = adapter
  const run = ({ id }) => client.run(id)
  const decide =
    (action) =>
    async ({ id, body }) => [...(await run({ id }).resume({ nodeId: 'approval', action, output: body }))]

  const routes = {
    // The same order twice is one order: a sender that got no answer sends it again.
    'POST /orders': async ({ body: order }) => {
      const once = { onConflict: 'use-existing' }
      const { outcome } = await client.start('order', { ...once, runId: order.id, context: { order } })
      const reminder = { runId: `${order.id}:reminder`, startAt: Date.now() + remindAfterMs }
      await client.start('reminder', { ...once, ...reminder, context: { orderId: order.id } })
      return { id: order.id, outcome }
    },
    'GET /orders': ({ query }) => client.list({ blueprintId: 'order', ...query }),
    'GET /orders/:id': (order) => run(order).describe(),
    'GET /orders/:id/result': (order) => run(order).result({ timeoutMs: 30_000 }),
    'POST /orders/:id/approve': decide('approve'),
    'POST /orders/:id/reject': decide('reject'),
    'POST /orders/:id/cancel': (order) => run(order).cancel('the customer changed their mind'),
    'POST /orders/:id/retry': async (order) => [...(await run(order).retry())],
    'GET /counts': () => client.counts(),
  }
  const webhooks = adapter.webhookHandler()

  return async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    if (pathname.startsWith('/hooks/')) return webhooks(request, response)
    if (pathname === '/metrics') return response.end(events.text())
    const answer = (status, value) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    const [, orders, id, ...rest] = pathname.split('/')
    const pattern = [request.method, ['', orders, ...(id ? [':id'] : []), ...rest].join('/')].join(' ')
    if (!Object.hasOwn(routes, pattern)) return answer(404, { error: 'not found' })
    try {
      const body = request.method === 'POST' ? await json(request).catch(() => ({})) : undefined
      answer(200, await routes[pattern]({ id, body, query: Object.fromEntries(searchParams) }))
    } catch (error) {
      const status = STATUSES[error.code] ?? (error instanceof FlowcraftAdapterError && error.retryable ? 503 : 500)
      answer(status, { error: error.message, code: error.code })
    }
  }
}
