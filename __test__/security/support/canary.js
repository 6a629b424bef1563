// What must not be touched while somebody tries to: a table, another run's rows, a key, a queue with a message.
import assert from 'node:assert/strict'
import { Redis } from 'ioredis'
import { urls } from '../../fixtures/shared-servers.js'

/** The name of a canary's table, for statements that would drop it. */
export const canaryTable = (world) => `${world.name}.canary`

/** Puts a canary into a world; `unharmed()` says whether it lives, and that nothing was made or removed beside it. */
export async function plantCanary(world) {
  const redis = new Redis(urls.redis)
  const key = `canary:${world.name}`
  const queue = `${world.name}_canary`
  await world.pg.query(`CREATE TABLE ${canaryTable(world)} (song TEXT)`)
  await world.pg.query(`INSERT INTO ${canaryTable(world)} VALUES ('tweet')`)
  await world.pg.query(`INSERT INTO ${world.contextTable} VALUES ('bystander', '{"mine":"untouched"}')`)
  await world.pg.query(`INSERT INTO ${world.statusTable} (run_id, status) VALUES ('bystander', 'awaiting')`)
  await redis.set(key, 'tweet', 'EX', 600)
  await world.channel.assertQueue(queue, { durable: true })
  world.channel.sendToQueue(queue, Buffer.from('tweet'))
  await world.channel.waitForConfirms()
  const { updatedAt, ...row } = await world.look('bystander')
  const seen = async () => ({
    song: (await world.pg.query(`SELECT song FROM ${canaryTable(world)}`)).rows,
    bystander: await world.look('bystander'),
    tables: (
      await world.pg.query(`SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY 1`, [
        world.name,
      ])
    ).rows.map((found) => found.table_name),
    key: await redis.get(key),
    waiting: (await world.channel.checkQueue(queue)).messageCount,
  })
  const before = await seen()
  return {
    async unharmed() {
      assert.deepEqual(await seen(), { ...before, bystander: { ...row, updatedAt }, key: 'tweet', waiting: 1 })
    },
    async remove() {
      await world.channel.deleteQueue(queue)
      await redis.del(key)
      redis.disconnect()
    },
  }
}
