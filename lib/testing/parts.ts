/** The client and the workers of an environment, made from its options. */
import { type ILogger, NullLogger } from 'flowcraft'
import { RabbitMqAdapter } from '../adapter.js'
import { createRabbitMqClient } from '../client/create.js'
import { blueprintsOf, type Flows } from '../client/flows.js'
import type { Executions } from './executions.js'
import { registryOf, type TestEnvironmentOptions } from './options.js'
import type { ServerOptions } from './servers.js'

/** How long stopping workers on real servers waits for nodes, in milliseconds. */
const STOP_TIMEOUT = 1_000
/** Signs the URLs of webhooks where the test does not say how. */
const WEBHOOK = { baseUrl: 'http://localhost/webhooks', secret: 'of a test environment' }

/** The client of an environment. What an adapter is told and a client too, both are told. */
export function clientOf<F extends Flows>(options: TestEnvironmentOptions<F>, servers: ServerOptions) {
  const { serializer } = options.runtime ?? {}
  const { strictValues = false, codec, queues, queueType, maxPriority, telemetry } = options.adapter ?? {}
  return createRabbitMqClient<F>({
    ...servers,
    blueprints: options.flows,
    logger: loggerOf(options),
    strictValues,
    ...(serializer && { serializer }),
    ...(codec && { codec }),
    ...(queues && { queues }),
    ...(queueType && { queueType }),
    ...(maxPriority && { maxPriority }),
    ...(telemetry && { telemetry }),
  })
}

/** Makes the adapters of an environment, whose nodes `executions` hears. */
export function adaptersOf<F extends Flows>(
  options: TestEnvironmentOptions<F>,
  servers: ServerOptions,
  executions: Executions,
): () => RabbitMqAdapter {
  const { flows, runtime = {}, adapter = {}, Adapter = RabbitMqAdapter } = options
  const runtimeOptions = {
    ...runtime,
    logger: loggerOf(options),
    blueprints: blueprintsOf(flows),
    registry: registryOf(flows, runtime.registry),
    // The adapter’s own bus hears everything too.
    eventBus: executions.busBefore(adapter.eventBus === runtime.eventBus ? undefined : runtime.eventBus),
  }
  return () =>
    new Adapter({
      webhook: WEBHOOK,
      stopTimeout: STOP_TIMEOUT,
      ...adapter,
      ...servers,
      runtimeOptions: { ...runtimeOptions },
    })
}

function loggerOf({ runtime }: TestEnvironmentOptions): ILogger {
  return runtime?.logger ?? new NullLogger()
}
