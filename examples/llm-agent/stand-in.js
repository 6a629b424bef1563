// A stand-in for a model, over HTTP: it asks for the tool `add` once for each plus sign of the question, then answers.
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

/** The server, and what was seen of its callers. */
export function standIn({ takesMs = 1, refuses = 0 } = {}) {
  const seen = { calls: 0, atATime: 0, mostAtATime: 0 }
  let refusals = refuses
  const server = createServer(async (request, response) => {
    const { messages } = await json(request)
    if (refusals-- > 0) return response.writeHead(429, { 'retry-after': '0.02' }).end()
    seen.calls += 1
    seen.atATime += 1
    seen.mostAtATime = Math.max(seen.mostAtATime, seen.atATime)
    await new Promise((resolve) => setTimeout(resolve, takesMs))
    seen.atATime -= 1
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ choices: [{ message: reply(messages) }], usage: { prompt: 10, completion: 2 } }))
  })
  return { server, seen }
}

function reply(messages) {
  const numbers = messages[0].content.match(/\d+/g).map(Number)
  const said = messages.filter(({ role }) => role === 'tool').map(({ content }) => JSON.parse(content))
  const sum = said.at(-1) ?? numbers[0]
  const next = numbers[said.length + 1]
  if (next === undefined) return { role: 'assistant', content: `It is ${sum}.` }
  const call = { id: `call-${said.length}`, function: { name: 'add', arguments: JSON.stringify([sum, next]) } }
  return { role: 'assistant', content: null, tool_calls: [call] }
}
