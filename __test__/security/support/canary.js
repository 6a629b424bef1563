// What must not be touched while somebody tries to: a table, another run's rows, a key, a queue with a message.
import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import { urls } from '../../fixtures/shared-servers.js'

/** The name of a canary's table, for statements that would drop it. */
export const canaryTable = (servers) => `${servers.name}.canary`

/** Puts a canary beside a test's tables; `unharmed()` says whether it lives, and that nothing else was made or removed. */
export async function plantCanary(servers) {
  const redis = new Redis(urls.redis)
  const key = `canary:${servers.name}`
  const queue = `${servers.name}_canary`
  await servers.pg.query(`CREATE TABLE ${canaryTable(servers)} (song TEXT)`)
  await servers.pg.query(`INSERT INTO ${canaryTable(servers)} VALUES ('tweet')`)
  await servers.pg.query(`INSERT INTO ${servers.contextTable} VALUES ('bystander', '{"mine":"untouched"}')`)
  await servers.pg.query(`INSERT INTO ${servers.statusTable} (run_id, status) VALUES ('bystander', 'awaiting')`)
  await redis.set(key, 'tweet', 'EX', 600)
  await servers.channel.assertQueue(queue, { durable: true })
  servers.channel.sendToQueue(queue, Buffer.from('tweet'))
  await servers.channel.waitForConfirms()
  const { updatedAt, ...row } = await servers.look('bystander')
  const seen = async () => ({
    song: (await servers.pg.query(`SELECT song FROM ${canaryTable(servers)}`)).rows,
    bystander: await servers.look('bystander'),
    tables: (
      await servers.pg.query(`SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1`, [
        servers.name,
      ])
    ).rows.map((found) => found.table_name),
    key: await redis.get(key),
    waiting: (await servers.channel.checkQueue(queue)).messageCount,
  })
  const before = await seen()
  return {
    async unharmed() {
      assert.deepEqual(await seen(), { ...before, bystander: { ...row, updatedAt }, key: 'tweet', waiting: 1 })
    },
    async remove() {
      await servers.channel.deleteQueue(queue)
      await redis.del(key)
      redis.disconnect()
    },
  }
}
