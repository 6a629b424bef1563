// The workflow, its blueprint and its registry. Workers and clients import this one module: createFlow names
// each function by its text and a counter, so two copies built in two places need not agree.

import { createFlow } from 'flowcraft'
import { decide, fraud, notify, Payment, refund, ship, stock, validate } from './nodes.js'

const flow = createFlow('order-fulfilment')
  .node('validate', validate)
  // These three run in parallel, on whichever worker is free.
  .node('stock', stock)
  .node('payment', Payment, { config: { maxRetries: 3 } })
  .node('fraud', fraud)
  .edge('validate', 'stock')
  .edge('validate', 'payment')
  .edge('validate', 'fraud')
  // The join: runs once, when all three are done.
  .node('decide', decide, {
    inputs: { stock: 'stock', payment: 'payment', fraud: 'fraud' },
    config: { joinStrategy: 'all' },
  })
  .edge('stock', 'decide')
  .edge('payment', 'decide')
  .edge('fraud', 'decide')
  // One of two; a condition is a path to a value that is true or not.
  .node('ship', ship)
  .node('refund', refund)
  .edge('decide', 'ship', { condition: 'result.output.approved' })
  .edge('decide', 'refund', { condition: 'result.output.rejected' })
  // 'any': only one of the two will ever come.
  .node('notify', notify, { config: { joinStrategy: 'any' } })
  .edge('ship', 'notify')
  .edge('refund', 'notify')

export const blueprint = flow.toBlueprint()
export const registry = Object.fromEntries(flow.getFunctionRegistry())
