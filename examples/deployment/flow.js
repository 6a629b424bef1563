import { createFlow } from 'flowcraft'

export const order = createFlow('order')
  .node('charge', async ({ context }) => ({ output: `charged ${await context.get('amount')}` }))
  .node('ship', async () => ({ output: 'shipped' }))
  .edge('charge', 'ship')
