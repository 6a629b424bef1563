// What a user's module exports: the blueprints of the tests of the command line.
import { setTimeout as sleep } from 'node:timers/promises'
import { childRun } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'

let tries = 0

export const flows = {
  order: createFlow('order')
    .node('charge', async ({ context }) => ({ output: `charged ${await context.get('amount')}` }))
    .wait('approval')
    .node('ship', async () => ({ output: 'shipped' }))
    .node('mail', async () => ({ output: 'mailed' }))
    .node('close', async () => ({ output: 'closed' }), { config: { joinStrategy: 'all' } })
    .edge('charge', 'approval')
    .edge('approval', 'ship')
    .edge('approval', 'mail')
    .edge('ship', 'close')
    .edge('mail', 'close'),
  /** Fails at its first try, succeeds at its second, and so on. */
  failing: createFlow('failing').node('pay', async () => {
    tries += 1
    if (tries % 2 === 1) throw new Error('card \u001b[31mdeclined\nFAKE LINE')
    return { output: 'paid' }
  }),
  paid: createFlow('paid')
    .wait('payment', { params: { eventName: 'payment:received' } })
    .node('thank', async () => ({ output: 'thanks' }))
    .edge('payment', 'thank'),
  /** Takes longer than another command has after Ctrl-C. */
  slow: createFlow('slow').node('wait', async () => {
    await sleep(6_000)
    return { output: 'done' }
  }),
  charged: createFlow('charged').node('charge', childRun('paid')),
  single: createFlow('single').node('only', async () => ({ output: 1 })),
}
