// A worker, as a process of its own: `npm run worker`. Next.js answers requests, workers work runs.
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { flows } from './flows.js'
import { servers } from './servers.js'

const worker = new RabbitMqAdapter({
  ...servers(),
  runtimeOptions: {
    blueprints: { order: flows.order.toBlueprint() },
    registry: Object.fromEntries(flows.order.getFunctionRegistry()),
    dependencies: { bank: { charge: async ({ key }) => `payment-${key}` } },
  },
})
worker.start()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => worker.stop())
