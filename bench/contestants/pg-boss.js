// pg-boss: jobs in PostgreSQL. It takes part where jobs are only put in: `insert`, many in one statement.
import PgBoss from 'pg-boss'

export default {
  id: 'pg-boss',
  title: 'pg-boss',
  settings: [{}],
  shapes: ['start-many'],
  async caller({ name, urls }) {
    const boss = new PgBoss({ connectionString: urls.database, schema: name, schedule: false, supervise: false })
    boss.on('error', () => {})
    await boss.start()
    await boss.createQueue('called')
    return {
      startMany: (runs, context) => boss.insert(runs.map((runId) => ({ name: 'called', data: { runId, ...context } }))),
      async count() {
        return boss.getQueueSize('called')
      },
      async close() {
        await boss.getDb().executeSql(`DROP SCHEMA ${name} CASCADE`)
        await boss.stop({ graceful: false })
      },
    }
  },
}
