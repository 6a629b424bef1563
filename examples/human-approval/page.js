// The page: what waits for a decision, with a form for each. It is plain HTML and needs no script.
import { text } from 'node:stream/consumers'

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (value) => String(value).replaceAll(/[&<>"']/g, (character) => ENTITIES[character])

const form = ({ runId, expense }) => `
  <form method="post" action="/decide">
    <p><strong>${escaped(expense.who)}</strong> asks for ${escaped(expense.amount)}: ${escaped(expense.what)}</p>
    <input type="hidden" name="runId" value="${escaped(runId)}">
    <input name="why" placeholder="Why?" aria-label="Why?">
    <button name="action" value="approve">Approve</button>
    <button name="action" value="reject">Reject</button>
  </form>`

const document = (expenses) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Expenses</title>
<h1>Expenses that wait for you</h1>
${expenses.map(form).join('') || '<p>Nothing waits.</p>'}
</html>`

/**
 * The request handler of the page.
 *
 * @param client starts and resumes runs
 * @param contextOf the context of a run: it holds what was asked for
 * @param userOf who sends a request: your login knows
 */
export function page({ client, contextOf, userOf }) {
  const waiting = async () => {
    const { runs } = await client.list({ blueprintId: 'expense', status: 'awaiting' })
    return Promise.all(runs.map(async ({ runId }) => ({ runId, expense: await contextOf(runId).get('expense') })))
  }
  return async (request, response) => {
    const to = `${request.method} ${request.url}`
    if (to === 'GET /') {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      return response.end(document(await waiting()))
    }
    if (to !== 'POST /decide') return response.writeHead(404).end()
    const { runId, action, why } = Object.fromEntries(new URLSearchParams(await text(request)))
    try {
      await client.run(runId).resume({ nodeId: 'review', action, output: { by: userOf(request), why } })
      response.writeHead(303, { location: '/' }).end()
    } catch (error) {
      // Two people decide at a time: the first one counts, and the second one hears of it.
      response.writeHead(error.code === 'NODE_NOT_AWAITING' || error.code === 'RUN_ENDED' ? 409 : 400)
      response.end(`${error.message}\n`)
    }
  }
}
