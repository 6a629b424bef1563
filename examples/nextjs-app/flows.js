// The workflows. Route handlers and the worker import them from here.
import { createFlow } from 'flowcraft'

export const flows = {
  order: createFlow('order')
    .node('charge', async ({ context, dependencies }) => {
      const { id, amount } = await context.get('order')
      return { output: await dependencies.bank.charge({ key: id, amount }) }
    })
    .wait('approval')
    .node('ship', async ({ context }) => ({ output: `parcel-${(await context.get('order')).id}` }))
    .edge('charge', 'approval')
    .edge('approval', 'ship'),
}
