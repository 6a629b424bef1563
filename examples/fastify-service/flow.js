// An order is charged, and confirmed by the bank's webhook.
import { createFlow, WebhookNode } from 'flowcraft'

export const order = createFlow('order')
  .node('charge', async ({ context, dependencies }) => {
    const { id, amount } = await context.get('order')
    const { url } = await dependencies.adapter.registerWebhookEndpoint(id, 'confirmed')
    await dependencies.bank.charge({ key: id, amount, callback: url })
    return { output: amount }
  })
  .node('confirmed', WebhookNode)
  .node('thank', async ({ input }) => ({ output: `thanks, ${input.request.body.payer}` }))
  .edge('charge', 'confirmed')
  .edge('confirmed', 'thank')
