// What happens to an order.
import { createFlow } from 'flowcraft'

const order = createFlow('order').node('charge', async ({ context }) => ({
  output: `charged ${await context.get('amount')}`,
}))

export const flows = { order }
