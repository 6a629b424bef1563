// The client of pg is what a start takes as its transaction.

/** Places an order: its row and its run, or neither. */
export async function place(pool, client, { id, amount }) {
  const transaction = await pool.connect()
  try {
    await transaction.query('BEGIN')
    await transaction.query('INSERT INTO orders (id, amount) VALUES ($1, $2)', [id, amount])
    const run = await client.start('order', { runId: id, context: { amount }, transaction })
    await transaction.query('COMMIT')
    return run
  } catch (error) {
    await transaction.query('ROLLBACK')
    throw error
  } finally {
    transaction.release()
  }
}
