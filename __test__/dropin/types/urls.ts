// Compiled, not run: a user's strict project that passes plain descriptions and subclasses the adapter.
import {
  type AdapterEvent,
  createRabbitMqReconciler,
  type FinalResult,
  type FlowcraftAdapterError,
  PostgresContext,
  type PostgresContextOptions,
  RabbitMqAdapter,
  type RabbitMqAdapterOptions,
  type RabbitMqReconcilerOptions,
  type ReconciliationStats,
  RedisCoordinationStore,
} from '@flowcraft/rabbitmq-adapter'
import {
  type BaseDistributedAdapter,
  type IAsyncContext,
  type ICoordinationStore,
  type IEventBus,
  type NodeDefinition,
  NullLogger,
} from 'flowcraft'

const store: ICoordinationStore = new RedisCoordinationStore('redis://localhost')
new RedisCoordinationStore({ host: 'h', port: 6379, db: 1, keyPrefix: 'x:', tls: { rejectUnauthorized: false } })

const options: RabbitMqAdapterOptions = {
  runtimeOptions: { blueprints: {}, registry: {}, logger: new NullLogger() },
  coordinationStore: store,
  amqpConnection: ['amqp://a', 'amqps://b'],
  pgClient: { host: 'h', password: async () => 'p', ssl: { ca: 'pem' } },
  contextTableName: 'contexts',
  statusTableName: 'app.statuses',
  queueName: 'jobs',
  concurrency: 20,
}

class Mine extends RabbitMqAdapter {
  protected override async publishFinalResult(runId: string, result: FinalResult): Promise<void> {
    if (result.status === 'completed') console.log(result.payload?.context, this.queueName)
    await super.publishFinalResult(runId, result)
  }
  protected override async onJobStart(runId: string, blueprintId: string, nodeId: string): Promise<void> {
    const context: IAsyncContext = this.createContext(runId)
    await context.patch([{ op: 'set', key: `started.${nodeId}`, value: blueprintId }])
    await this.enqueueJob({ runId, blueprintId, nodeId })
  }
  protected override shouldRetryInProcess(node: NodeDefinition): boolean {
    return node.config?.maxRetries === undefined
  }
  override async registerWebhookEndpoint(runId: string, nodeId: string) {
    return { url: `https://example.com/${runId}/${nodeId}`, event: nodeId }
  }
}

const adapter: BaseDistributedAdapter = new Mine(options)
adapter.start()
export const stopped: Promise<void> = new Mine(options).stop()
export const resumed: Promise<Set<string>> = new Mine(options).resumeWithAction('run', 'approved', { by: 'ada' })
export const reconciled: Promise<Set<string>> = adapter.reconcile('run')

const contextOptions: PostgresContextOptions = { client: 'postgres://localhost', tableName: 'contexts' }
const context: IAsyncContext = new PostgresContext('run', contextOptions)
export const value: Promise<unknown> = context.get('key')

const reconcilerOptions: RabbitMqReconcilerOptions = {
  adapter: new Mine(options),
  pgClient: 'postgres://localhost',
  statusTableName: 'statuses',
  stalledThresholdSeconds: 300,
}
export const stats: Promise<ReconciliationStats> = createRabbitMqReconciler(reconcilerOptions).run()

// Every event is known by its type, also the one that core does not have; and a bus of core's will do.
function heard(event: AdapterEvent): string {
  if (event.type === 'worker:failed') {
    const error: FlowcraftAdapterError = event.payload.error
    return `${event.payload.queueName}: ${error.code}`
  }
  return event.type === 'job:failed' ? event.payload.error.message : event.type
}
options.eventBus = { emit: async (event) => console.log(event.type === 'worker:failed', heard(event)) }
declare const bus: IEventBus
options.eventBus = bus

// What was listed can be chosen from, as it is.
const client = new Mine(options)
const letters = await client.listDeadLetters()
export const replayed: Promise<number> = client.replayDeadLetters({ ids: letters.map(({ id }) => id) })

// A webhook's delivery is looked at before it is taken.
options.webhook = {
  baseUrl: 'https://example.com/hooks',
  secret: ['a new secret of the fleet', 'the old secret of the fleet'],
  methods: ['POST', 'PUT'],
  verify: async ({ rawBody, headers, runId }) => rawBody !== undefined && headers['x-signature'] === runId,
}
// @ts-expect-error HEAD never delivers
options.webhook.methods = ['HEAD']

// @ts-expect-error a number is no connection
options.amqpConnection = 5
// @ts-expect-error nor is an empty call
new RedisCoordinationStore()
