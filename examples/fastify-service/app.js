// The service: routes that start runs and look at them.
import Fastify from 'fastify'
import { flowcraft } from './plugin.js'

const order = {
  type: 'object',
  required: ['id', 'amount'],
  properties: { id: { type: 'string', maxLength: 100 }, amount: { type: 'number', minimum: 0 } },
}

export async function build(options) {
  const app = Fastify()
  await app.register(flowcraft, options)

  app.post('/orders', { schema: { body: order } }, async ({ body }, reply) => {
    const { runId } = await app.runs.start('order', { runId: body.id, context: { order: body } })
    return reply.status(201).send({ id: runId })
  })
  app.get('/orders/:id', ({ params }) => app.runs.run(params.id).describe())
  app.get(
    '/orders/:id/result',
    async ({ params }) => (await app.runs.run(params.id).result({ timeoutMs: 30_000 })).context,
  )
  return app
}
