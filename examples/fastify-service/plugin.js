// A Fastify plugin: `app.runs` is a client, webhooks are mounted, a worker works beside, and both end with the server.
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'

/**
 * @param app the server
 * @param options the options of the adapter; with `works: false` this process starts runs and works none
 */
export async function flowcraft(app, { works = true, ...options }) {
  const adapter = new RabbitMqAdapter(options)
  app.decorate('runs', adapter.client)

  const webhooks = adapter.webhookHandler()
  app.all('/hooks/:target', (request, reply) => {
    // From here on the handler answers. Fastify has read the body already.
    reply.hijack()
    return webhooks(Object.assign(request.raw, { body: request.body }), reply.raw)
  })

  // The error codes of runs as those of HTTP.
  app.setErrorHandler((error, _, reply) => {
    const status = { RUN_NOT_FOUND: 404, RUN_EXISTS: 409, NODE_NOT_AWAITING: 409, RUN_ENDED: 409 }[error.code]
    const otherwise = error.retryable ? 503 : (error.statusCode ?? 500)
    return reply.status(status ?? otherwise).send({ error: error.message, code: error.code })
  })

  if (works) app.addHook('onListen', async () => adapter.start())
  app.addHook('onClose', () => adapter.stop())
}

// Fastify keeps what a plugin decorates to the plugin itself, unless it is told otherwise.
flowcraft[Symbol.for('skip-override')] = true
