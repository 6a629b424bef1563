// Kysely executes a text and its values as they are.
import { CompiledQuery } from 'kysely'

/** The transaction, as a start takes it. */
const within = (trx) => ({ query: (text, values) => trx.executeQuery(CompiledQuery.raw(text, values)) })

/** Places an order: its row and its run, or neither. */
export function place(db, client, { id, amount }) {
  return db.transaction().execute(async (trx) => {
    await trx.insertInto('orders').values({ id, amount }).execute()
    return client.start('order', { runId: id, context: { amount }, transaction: within(trx) })
  })
}
