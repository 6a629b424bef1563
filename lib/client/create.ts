/** A client of its own, for processes that start and watch runs and work none. */
import { hostname } from 'node:os'
import { ConsoleLogger, type ILogger } from 'flowcraft'
import { memoryOfStore, openStore, unknownStoreOptions } from '../api/redis-coordination-store.js'
import { Channel, type Notice } from '../bridge/channel.js'
import { Engine, Store } from '../bridge/native.js'
import { Values } from '../bridge/values.js'
import { openBroker } from '../connections/amqp.js'
import { openDatabase, unknownParameters } from '../connections/postgres.js'
import { describeBlueprint, findBlueprint, revisionOf, revisionsOf } from '../execution/blueprints.js'
import { harmlessLogger } from '../harmless.js'
import { fieldsOf, linesOf } from '../log.js'
import { spansFor } from '../operating/operating.js'
import type { Spans } from '../operating/spans.js'
import { CLIENT_SCHEMA, clientEngineOptions, type RabbitMqClientOptions } from '../options/client.js'
import { memoryName, refuseMixture } from '../options/memory.js'
import { check, unknownOptions } from '../options/schema.js'
import { checkedTelemetry } from '../options/telemetry.js'
import { RabbitMqClient } from './client.js'
import { blueprintsOf, type Flows } from './flows.js'
import { type ClientHost, everyQueueOf } from './host.js'

/** A client of its own, which has connections of its own. */
export interface ClosableClient<F extends Flows = Flows> extends RabbitMqClient<F> {
  /**
   * Closes the connections that the client has opened.
   *
   * @example
   * ```ts
   * const client = createRabbitMqClient({ ...servers, blueprints: flows })
   * try {
   *   await client.start('order', { runId: 'order-18' })
   * } finally {
   *   await client.close()
   * }
   * ```
   */
  close(): Promise<void>
}

/** How long closing waits, in milliseconds: nothing is being executed. */
const AT_ONCE = 0

/**
 * Makes a client for a process that starts, watches and controls runs and works none. Opens no connection before it is used,
 * and keeps no process alive by itself. One that works runs too has it as its adapter's `client`.
 *
 * @typeParam F The blueprints, where the types of their contexts are to be checked: `typeof flows`.
 * @throws TypeError naming the option that cannot work.
 *
 * @example
 * ```ts
 * const flows = { order: createFlow<{ orderId: number }>('order').node('charge', charge) }
 * const client = createRabbitMqClient({
 *   amqpConnection: 'amqp://localhost',
 *   pgClient: 'postgresql://localhost/shop',
 *   contextTableName: 'flowcraft_contexts',
 *   statusTableName: 'flowcraft_statuses',
 *   blueprints: flows,
 * })
 * const run = await client.start('order', { context: { orderId: 17 } })
 * ```
 */
export function createRabbitMqClient<F extends Flows = Flows>(
  options: RabbitMqClientOptions & { blueprints?: F },
): ClosableClient<F> {
  const { host, close } = openClientHost(options)
  return Object.assign(new RabbitMqClient<F>(host), { close })
}

/** What a client stands on, with an engine of its own. */
export function openClientHost(options: RabbitMqClientOptions): { host: ClientHost; close(): Promise<void> } {
  const checked = check(CLIENT_SCHEMA, options)
  const { amqpConnection, pgClient, coordinationStore, serializer, codec } = checked
  refuseMixture({
    amqpConnection: memoryName(amqpConnection),
    pgClient: memoryName(pgClient),
    ...(coordinationStore && memoryOfStore(coordinationStore)),
  })
  const logger = linesOf(harmlessLogger(checked.logger ?? new ConsoleLogger()))
  const say = (message: string) => logger.warn(`[Client] ${message}`)
  const { connectTimeout, statementTimeout, publishTimeout, queueType, maxPriority } = checked
  const broker = openBroker(amqpConnection, { queueType, maxPriority, connectTimeout, publishTimeout })
  const database = openDatabase(pgClient, 'pgClient', { connectTimeout, statementTimeout })
  const blueprints = blueprintsOf(checked.blueprints ?? {})
  const { queues, queueName } = checked
  const spans = spansFor(checkedTelemetry(checked.telemetry), {
    queues: everyQueueOf(queueName, queues),
    queueOf: (id) => queues[id] ?? queueName,
  })
  const channel = new Channel(() => engine, { run: () => {}, hear: (notice) => hear(notice, logger, spans) })
  const store = coordinationStore && openStore(coordinationStore)
  const engine: Engine = new Engine(
    JSON.stringify({
      ...clientEngineOptions(checked),
      worker: `client:${hostname()}:${process.pid}`,
      host: hostname(),
    }),
    broker,
    database,
    store ?? Store.absent(),
    hostOf(blueprints, { wake: () => channel.wake(), traces: spans !== undefined }),
  )
  for (const sentence of [
    ...unknownOptions(CLIENT_SCHEMA, { ...options }),
    ...unknownParameters(pgClient),
    ...(coordinationStore ? unknownStoreOptions(coordinationStore) : []),
  ])
    say(sentence)
  const values = new Values({ serializer, codec, strict: checked.strictValues, warn: say })
  const beside = {
    broker,
    database,
    store,
    contexts: checked.contextTableName,
    statuses: checked.statusTableName,
    queues: everyQueueOf(checked.queueName, checked.queues),
    logger,
    blueprintIds: () => Object.keys(blueprints),
    blueprint: (id: string) => findBlueprint(blueprints, id),
  }
  return { host: { engine, values, spans, answer: (promise) => promise, beside }, close: () => engine.stop(AT_ONCE) }
}

/** What the engine calls: a client describes blueprints, and runs none. */
function hostOf(
  blueprints: ReturnType<typeof blueprintsOf>,
  traits: { wake(): void; traces: boolean },
): ConstructorParameters<typeof Engine>[4] {
  const found = <T>(id: string, of: (id: string, blueprint: NonNullable<ReturnType<typeof findBlueprint>>) => T) => {
    const blueprint = findBlueprint(blueprints, id)
    return blueprint ? of(id, blueprint) : null
  }
  return {
    describe: (id: string) => found(id, describeBlueprint),
    revision: (id: string) => found(id, revisionOf),
    blueprints: () => JSON.stringify(revisionsOf(blueprints)),
    ...traits,
    hasEventBus: false,
    publishesResults: false,
    publishResult: async () => {},
  }
}

function hear(notice: Notice, logger: ILogger, spans: Spans | undefined): void {
  if ('level' in notice) logger[notice.level](`[Client] ${notice.message}`, { ...fieldsOf(notice.about) })
  else if ('span' in notice) spans?.done(notice)
}
