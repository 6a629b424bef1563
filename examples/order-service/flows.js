// What an order goes through: the part that is about orders, and not about running them.
import { createFlow, WebhookNode } from 'flowcraft'

/** Above this amount a person has to approve. */
const LARGE = 1_000

const order = createFlow('order')
  .node('request', async ({ context, dependencies }) => {
    const { id, amount } = await context.get('order')
    const { url } = await dependencies.adapter.registerWebhookEndpoint(id, 'paid')
    // A node may run twice. By its key the bank knows the second request for the first.
    return { output: await dependencies.bank.request({ key: id, amount, callback: url }) }
  })
  // The bank calls back when the customer has paid: in seconds, or in days.
  .node('paid', WebhookNode)
  .node('check', async ({ context }) => {
    const { amount } = await context.get('order')
    return { action: amount > LARGE ? 'ask' : 'ship' }
  })
  .wait('approval')
  .node(
    'ship',
    async ({ context, dependencies }) => ({ output: await dependencies.carrier.send(await context.get('order')) }),
    // Either of its two predecessors will do.
    { config: { joinStrategy: 'any', maxRetries: 3, retryDelay: 100, timeout: 10_000 } },
  )
  .node('refund', async ({ context, dependencies }) => {
    const { id } = await context.get('order')
    return { output: await dependencies.bank.refund({ key: id }) }
  })
  .edge('request', 'paid')
  .edge('paid', 'check')
  .edge('check', 'ship', { action: 'ship' })
  .edge('check', 'approval', { action: 'ask' })
  .edge('approval', 'ship', { action: 'approve' })
  .edge('approval', 'refund', { action: 'reject' })

/** Starts when it is due, and looks whether the order still waits for somebody. */
const reminder = createFlow('reminder').node('remind', async ({ context, dependencies }) => {
  const orderId = await context.get('orderId')
  const { nodes } = await dependencies.adapter.client.run(orderId).describe()
  if (!nodes.some(({ nodeId, state }) => nodeId === 'approval' && state === 'awaiting')) return { output: 'not needed' }
  await dependencies.mail.send(`Order ${orderId} waits for your approval.`)
  return { output: 'sent' }
})

/** Starts by itself, and says what was left undecided. */
const digest = createFlow('digest').node('tell', async ({ dependencies }) => {
  const { runs } = await dependencies.adapter.client.list({ blueprintId: 'order', status: 'awaiting' })
  if (runs.length === 0) return { output: 'nothing to tell' }
  await dependencies.mail.send(`Orders that wait: ${runs.map(({ runId }) => runId).join(', ')}.`)
  return { output: 'told' }
})

export const flows = { order, reminder, digest }

/** Every working day at eight, however many processes serve. */
export const schedules = [{ id: 'digest', cron: '0 8 * * 1-5', timeZone: 'Europe/Berlin', blueprintId: 'digest' }]
