// A fleet in memory with what there is to see and to do on every page of the dashboard: runs of each status, schedules, a dead letter.
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { serve } from './board.js'
import { openBrowser } from './browser.js'

/** An id of a run that would do harm in a page that took it as markup. */
export const MARKUP = '<img src=x onerror=alert(1)>'

/** A flow with all that a graph can have: branches, a batch, a loop, a subflow, a wait and a node that fails. */
function flows(world) {
  const address = createFlow('address')
    .node('parse', async () => ({ output: 'parsed' }))
    .node('verify', async () => ({ output: 'verified' }))
    .edge('parse', 'verify')
  const order = createFlow('order')
    .node('receive', async () => ({ output: [1, 2, 3, 4, 5] }))
    .node('charge', async () => {
      if (world.declined) throw new Error('The card was declined by the bank: insufficient funds (code 51)')
      return { output: { amount: 42.5, currency: 'EUR' } }
    })
    .batch('items', async ({ input }) => ({ output: input }), { inputKey: 'receive', outputKey: 'packed' })
    .wait('approval')
    .node('ship', async () => ({ output: 'shipped' }))
    .node('refund', async () => ({ output: 'refunded' }))
    .edge('receive', 'charge')
    .edge('receive', 'items_scatter')
    .edge('charge', 'approval')
    .edge('items_gather', 'approval')
    .edge('approval', 'ship', { action: 'approve' })
    .edge('approval', 'refund', { action: 'reject' })
  const blueprint = order.toBlueprint()
  const withSubflow = {
    ...blueprint,
    nodes: [...blueprint.nodes, { id: 'address', uses: 'subflow', params: { blueprintId: 'address' } }],
    edges: [...blueprint.edges, { source: 'receive', target: 'address' }, { source: 'address', target: 'approval' }],
  }
  return { address, order: { toBlueprint: () => withSubflow, getFunctionRegistry: () => order.getFunctionRegistry() } }
}

/** Opens the fleet, its dashboard and a browser; `close()` ends all of it. */
export async function openScene() {
  const world = { declined: false }
  const closing = []
  const browser = await openBrowser()
  const env = await createTestEnvironment({ flows: flows(world), adapter: { blueprintTimeout: 0 } })
  await env.client.start('order', {
    runId: 'order-17',
    context: { customer: 'ada', total: 9_007_199_254_740_991, note: MARKUP },
  })
  await env.client.start('order', { runId: MARKUP })
  for (let at = 20; at < 45; at += 1) await env.client.start('order', { runId: `order-${at}` })
  await env.settle()
  world.declined = true
  for (let at = 50; at < 58; at += 1) await env.client.start('order', { runId: `order-${at}` })
  await env.settle()
  world.declined = false
  for (const at of [20, 21, 22, 23]) await env.client.run(`order-${at}`).resume({ action: 'approve' })
  await env.client.run('order-24').cancel('asked by the customer')
  const hourly = { blueprintId: 'address', startAt: Date.now() + 3_600_000, everyMs: 3_600_000 }
  await env.client.schedules.create({ id: 'hourly', ...hourly })
  await env.client.schedules.create({ id: 'moving', ...hourly, paused: true, note: 'the warehouse moves' })
  await env.client.schedules.create({
    id: 'nightly',
    blueprintId: 'address',
    cron: '30 2 * * *',
    timeZone: 'Europe/Berlin',
  })
  await env.adapter.enqueueJob({ runId: 'lost', blueprintId: 'gone', nodeId: 'charge' })
  await env.settle()
  const url = await serve({ after: (close) => closing.push(close) }, { client: env.client })
  const close = async () => {
    for (const end of closing) end()
    await browser.close()
    await env.close()
  }
  return { browser, env, url, close }
}
