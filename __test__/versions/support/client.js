// A client process of the version it stands in, as a user's website is one: calls methods of an adapter that is never
// started, as its parent asks, and takes deliveries of webhooks.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { adapterFor } from './adapter.js'

/** More than are ever in use at once. Each holds connections to PostgreSQL, which has 200 for all. */
const KEPT = 12

const adapters = new Map()

function adapterOf(settings) {
  const key = JSON.stringify(settings)
  const adapter = adapters.get(key) ?? adapterFor(settings)
  adapters.delete(key)
  adapters.set(key, adapter)
  const [oldest] = adapters
  if (adapters.size > KEPT) {
    adapters.delete(oldest[0])
    oldest[1].stop()
  }
  return adapter
}

const own = {
  /** Where the package is that it runs on. */
  home: () => import.meta.resolve('@flowcraft/rabbitmq-adapter'),

  migrate: ({ pgClient, contextTableName, statusTableName }) =>
    migrate({ pgClient, contextTableName, statusTableName }).then(() => undefined),

  /** Mounts the handler of webhooks for one request, and makes it. */
  async deliver(settings, url, body) {
    const server = createServer(adapterOf(settings).webhookHandler())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const target = `http://127.0.0.1:${server.address().port}${new URL(url).pathname}`
    const headers = { 'content-type': 'application/json' }
    const { status } = await fetch(target, { method: 'POST', headers, body: JSON.stringify(body) })
    server.close()
    server.closeAllConnections()
    return status
  },
}

/** As JSON: what a version answers with may be a set. */
const plain = (value) => (value instanceof Set ? [...value] : value)

process.on('message', async ({ id, settings, method, args }) => {
  try {
    const call = own[method] ?? ((...given) => adapterOf(given[0])[method](...given.slice(1)))
    process.send({ id, value: plain(await call(settings, ...args)) })
  } catch (error) {
    process.send({ id, error: error.message })
  }
})
process.once('disconnect', async () => {
  await Promise.all([...adapters.values()].map((adapter) => adapter.stop()))
  process.exit(0)
})
