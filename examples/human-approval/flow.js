// An expense is asked for, a person decides, and the money is paid or not.
import { createFlow } from 'flowcraft'

export const flows = {
  expense: createFlow('expense')
    .wait('review')
    .node('pay', async ({ context, input, dependencies }) => {
      const { who, amount } = await context.get('expense')
      await dependencies.payroll.pay({ who, amount, approvedBy: input.by })
      return { output: `paid ${amount} to ${who}` }
    })
    .node('tell', async ({ context, input }) => {
      const { who } = await context.get('expense')
      return { output: `told ${who}: ${input.why || 'no'}` }
    })
    .edge('review', 'pay', { action: 'approve' })
    .edge('review', 'tell', { action: 'reject' }),
}
