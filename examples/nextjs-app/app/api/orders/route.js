import { answer, runs } from '../../../runs.js'

// The package is a native addon: it needs Node.js, and not the edge.
export const runtime = 'nodejs'

/** Starts an order: `POST /api/orders`. */
export async function POST(request) {
  const order = await request.json()
  return answer(async () => ({ id: (await runs().start('order', { runId: order.id, context: { order } })).runId }), 201)
}

/** Lists orders by status: `GET /api/orders?status=awaiting`. */
export async function GET(request) {
  const status = new URL(request.url).searchParams.get('status') ?? undefined
  return answer(() => runs().list({ blueprintId: 'order', status }))
}
