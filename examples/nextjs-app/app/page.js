import { runs } from '../runs.js'

// Looks at the runs at each request, not once when the site is built.
export const dynamic = 'force-dynamic'

export default async function Page() {
  const { runs: orders } = await runs().list({ blueprintId: 'order', order: 'desc', limit: 50 })
  return (
    <ul>
      {orders.map(({ runId, status }) => (
        <li key={runId}>
          {runId}: {status}
        </li>
      ))}
    </ul>
  )
}
