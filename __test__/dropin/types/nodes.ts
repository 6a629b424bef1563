// Compiled, not run: nodes that start child runs, ask to run again later, and count under limits.
import {
  ChildRunError,
  type ChildRunOptions,
  childRun,
  type HeartbeatNodeConfig,
  type LimitedNodeConfig,
  RetryAfter,
} from '@flowcraft/rabbitmq-adapter'
import { createFlow, type NodeContext, type NodeResult } from 'flowcraft'

const options: ChildRunOptions = {
  context: async ({ context, input }) => ({ address: await context.get('address'), input }),
  output: ({ trackingNumber }) => trackingNumber,
  tags: ['customer:42'],
  version: '2',
  onCancel: 'leave',
}
const ship: (node: NodeContext) => Promise<NodeResult> = childRun('shipping', options)

async function ask({ context }: NodeContext): Promise<NodeResult> {
  if (!(await context.has('ready'))) throw new RetryAfter(60_000, 'it is not ready')
  return { output: 'answer' }
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: how a user writes it
const limited: LimitedNodeConfig = { limit: 'tenant:${customerId}', maxRetries: 3 }

export const order = createFlow('order')
  .node('ask', ask, { config: limited })
  .node('beat', ask, { config: { limit: 'openai', heartbeatMs: 1_000 } as LimitedNodeConfig & HeartbeatNodeConfig })
  .node('ship', ship, { config: { fallback: 'ask' } })
  .node('defaults', childRun('shipping'))
  .edge('ask', 'ship')

export function told(error: unknown): string {
  if (error instanceof ChildRunError) return `${error.childRunId} is ${error.status}`
  return error instanceof RetryAfter ? `in ${error.afterMs.toFixed()} ms` : String(error)
}

// @ts-expect-error: a child run is of a blueprint, by its id
childRun()
// @ts-expect-error: a context is an object
childRun('shipping', { context: () => 'Rome' })
// @ts-expect-error: it is cancelled too, or left
childRun('shipping', { onCancel: 'retry' })
// @ts-expect-error: it has no id of the caller's
childRun('shipping', { runId: 'shipping-17' })
// @ts-expect-error: tags are texts
childRun('shipping', { tags: [42] })
// @ts-expect-error: it says when
new RetryAfter()
// @ts-expect-error: in milliseconds
new RetryAfter('1 minute')
// @ts-expect-error: a limit is a text
const wrong: LimitedNodeConfig = { limit: { name: 'openai' } }
// @ts-expect-error: what is known of an error stays as it is
new RetryAfter(1).afterMs = 2

export { wrong }
