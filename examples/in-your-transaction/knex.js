// Knex has question marks where PostgreSQL has numbered parameters.

/** The transaction, as a start takes it. */
const within = (trx) => ({
  query: (text, values) => {
    const given = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => values[number - 1])
    return trx.raw(text.replaceAll('?', '\\?').replaceAll(/\$\d+/g, '?'), given)
  },
})

/** Places an order: its row and its run, or neither. */
export function place(knex, client, { id, amount }) {
  return knex.transaction(async (trx) => {
    await trx('orders').insert({ id, amount })
    return client.start('order', { runId: id, context: { amount }, transaction: within(trx) })
  })
}
