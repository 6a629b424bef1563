// An agent: the model thinks, asks for tools, is told what they said, and thinks again, until it answers. Each step is a node,
// so a worker that dies costs one call of the model and not the conversation.
import { createFlow } from 'flowcraft'

const STEPS = 10

export const flows = {
  agent: createFlow('agent')
    .node('ask', async ({ context }) => {
      const messages = [{ role: 'user', content: await context.get('question'), at: new Date() }]
      await context.set('conversation', { messages, tokens: new Map() })
      await context.set('isOpen', true)
      return { output: 'asked' }
    })
    .node(
      'think',
      async ({ context, dependencies, signal }) => {
        const { messages, tokens } = await context.get('conversation')
        if (messages.length > 2 * STEPS) throw new Error(`The agent has no answer after ${STEPS} steps`)
        const { message, usage } = await dependencies.model.complete(messages, { signal })
        for (const [kind, count] of Object.entries(usage)) tokens.set(kind, (tokens.get(kind) ?? 0) + count)
        await context.set('conversation', { messages: [...messages, { ...message, at: new Date() }], tokens })
        return { output: message }
      },
      { config: { maxRetries: 5, retryDelay: 500, timeout: 60_000 } },
    )
    .node('act', async ({ context, input, dependencies }) => {
      const calls = input.tool_calls ?? []
      const { messages, tokens } = await context.get('conversation')
      const said = await Promise.all(
        calls.map(async ({ id, function: { name, arguments: given } }) => ({
          role: 'tool',
          tool_call_id: id,
          content: JSON.stringify(await dependencies.tools[name](JSON.parse(given))),
        })),
      )
      await context.set('conversation', { messages: [...messages, ...said], tokens })
      await context.set('isOpen', calls.length > 0)
      return { output: said.length }
    })
    .node('answer', async ({ context }) => {
      const { messages } = await context.get('conversation')
      return { output: messages.at(-1).content }
    })
    .edge('ask', 'turns')
    .edge('think', 'act')
    .loop('turns', { startNodeId: 'think', endNodeId: 'act', condition: 'isOpen' })
    .edge('turns', 'answer'),
}
