// What each step of an order does. A node gets its input, the run's context and the worker's dependencies (the
// services), and returns its output.

import { BaseNode } from 'flowcraft'

export async function validate({ context, dependencies }) {
  const order = await context.get('order')
  const total = order.items.reduce((sum, { price, quantity }) => sum + price * quantity, 0)
  if (!(total > 0)) throw new Error(`Order ${order.number} has nothing to pay for`)
  await dependencies.services.customers.check(order.customer)
  return { output: { ...order, total } }
}

export async function stock({ input: order, dependencies }) {
  const reserved = await dependencies.services.warehouse.reserve(order)
  return { output: { reserved } }
}

/** A class node: only `exec` is tried again when it fails, as often as `maxRetries` says. */
export class Payment extends BaseNode {
  async prep({ input: order }) {
    // A worker can die after the charge and before its result is stored; the next one then charges again. So the
    // provider gets a key by which it knows the second charge for the first.
    return { order, idempotencyKey: `order-${order.number}` }
  }

  async exec({ order, idempotencyKey }, { context, dependencies }) {
    const attempt = ((await context.get('payment.attempt')) ?? 0) + 1
    await context.set('payment.attempt', attempt)
    const receipt = await dependencies.services.payments.charge(order, { idempotencyKey, attempt })
    return { receipt, amount: order.total, attempts: attempt }
  }

  async post(payment) {
    return { output: payment }
  }
}

export async function fraud({ input: order, dependencies }) {
  const suspicious = await dependencies.services.fraudCheck.isSuspicious(order)
  return { output: { suspicious } }
}

export async function decide({ input: { stock, payment, fraud } }) {
  const reasons = []
  if (!stock.reserved) reasons.push('out of stock')
  if (fraud.suspicious) reasons.push('suspected fraud')
  const approved = reasons.length === 0
  return { output: { approved, rejected: !approved, reasons, receipt: payment.receipt } }
}

export async function ship({ context, dependencies }) {
  const parcel = await dependencies.services.carrier.send(await context.get('order'))
  return { output: { outcome: 'shipped', detail: parcel } }
}

export async function refund({ input: { receipt, reasons }, dependencies }) {
  await dependencies.services.payments.refund(receipt)
  return { output: { outcome: 'refunded', detail: reasons.join(', ') } }
}

export async function notify({ input: { outcome, detail }, context, dependencies }) {
  const { number, customer } = await context.get('order')
  await dependencies.services.mail.send(customer, `Your order ${number} was ${outcome} (${detail}).`)
  return { output: { outcome, detail } }
}
