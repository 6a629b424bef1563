// A report of yesterday's sales: collected, summed, sent. A schedule starts it each night.
import { createFlow } from 'flowcraft'

export const flows = {
  report: createFlow('report')
    .node('collect', async ({ dependencies }) => ({ output: await dependencies.shop.sales() }), {
      config: { maxRetries: 3, retryDelay: 1_000 },
    })
    .node('sum', async ({ input: sales }) => ({
      output: { count: sales.length, total: sales.reduce((sum, { amount }) => sum + amount, 0) },
    }))
    .node('send', async ({ input: report, context, dependencies }) => {
      // The same key at each attempt: a report that was sent already is not sent again.
      const key = dependencies.job.idempotencyKey
      return { output: await dependencies.mail.send(await context.get('to'), report, key) }
    })
    .edge('collect', 'sum')
    .edge('sum', 'send'),
}

/** Half past two each night, in Berlin's time, also in the nights when its clocks change. */
export const NIGHTLY = {
  id: 'nightly-report',
  cron: '30 2 * * *',
  timeZone: 'Europe/Berlin',
  blueprintId: 'report',
  context: { to: 'sales@example.com' },
  tags: ['report:sales'],
  // A report that takes longer than a day is not begun a second time meanwhile.
  overlap: 'skip',
  // Started again with the same definition by each deployment, it stays the same schedule.
  onConflict: 'update',
}
