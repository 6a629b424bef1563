import { answer, runs } from '../../../../runs.js'

export const runtime = 'nodejs'

/** How an order stands: `GET /api/orders/o-1`. */
export async function GET(_, { params }) {
  const { id } = await params
  return answer(() => runs().run(id).describe())
}

/** Approves it: `POST /api/orders/o-1`. */
export async function POST(request, { params }) {
  const { id } = await params
  const output = await request.json()
  return answer(async () => [...(await runs().run(id).resume({ nodeId: 'approval', output }))])
}
