// Prisma executes a text and its values as they are.

/** The transaction, as a start takes it. */
const within = (tx) => ({ query: (text, values) => tx.$queryRawUnsafe(text, ...values) })

/** Places an order: its row and its run, or neither. */
export function place(prisma, client, { id, amount }) {
  return prisma.$transaction(async (tx) => {
    await tx.order.create({ data: { id, amount } })
    return client.start('order', { runId: id, context: { amount }, transaction: within(tx) })
  })
}
