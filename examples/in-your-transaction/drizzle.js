// Drizzle executes what its template `sql` builds: the text in parts, with the values between them.
import { sql } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'

const orders = pgTable('orders', { id: text().primaryKey(), amount: integer().notNull() })

/** The transaction, as a start takes it. */
const within = (tx) => ({
  query: (text, values) => {
    const parts = text.split(/\$(\d+)/)
    return tx.execute(sql.join(parts.map((part, at) => (at % 2 === 0 ? sql.raw(part) : sql`${values[part - 1]}`))))
  },
})

/** Places an order: its row and its run, or neither. */
export function place(db, client, { id, amount }) {
  return db.transaction(async (tx) => {
    await tx.insert(orders).values({ id, amount })
    return client.start('order', { runId: id, context: { amount }, transaction: within(tx) })
  })
}
