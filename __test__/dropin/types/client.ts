// Compiled, not run: a client knows the ids of its blueprints, and their contexts where `createFlow` says them.
import {
  createAesCodec,
  createRabbitMqClient,
  type FailedAttempt,
  type HeartbeatNodeConfig,
  HeartbeatTimeoutError,
  type LimitWait,
  type NodeAttempt,
  type NodeDescription,
  type NodeJob,
  type NodeProgress,
  PostgresContext,
  type RabbitMqAdapter,
  type RabbitMqClient,
  type RabbitMqClientOptions,
  type RunDescription,
  RunFailedError,
  type RunHandle,
  type RunHistory,
  type RunOrigin,
  type RunPage,
  type TransactionLike,
  type ValueCodec,
} from '@flowcraft/rabbitmq-adapter'
import { createFlow, type NodeContext, type WorkflowBlueprint } from 'flowcraft'

const servers = {
  amqpConnection: 'amqp://localhost',
  pgClient: 'postgresql://localhost/db',
  contextTableName: 'contexts',
  statusTableName: 'statuses',
} satisfies RabbitMqClientOptions

const flows = {
  order: createFlow<{ amount: number; note?: string }>('order').node('charge', async () => ({ output: 1 })),
  untyped: createFlow('untyped').node('only', async () => ({ output: 1 })),
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(value: T) => value

const keys = { k1: new Uint8Array(32), k2: process.env.KEY }
const codec: ValueCodec = createAesCodec({ keys, current: 'k1', readable: ['tenant'] })
createRabbitMqClient({ ...servers, codec })
new PostgresContext('r', { client: 'postgres://h/d', tableName: 't', codec })
// @ts-expect-error: a codec answers at once
createRabbitMqClient({ ...servers, codec: { encode: async (json: string) => json, decode: (text: string) => text } })

async function typed(): Promise<void> {
  const client = createRabbitMqClient({ ...servers, blueprints: flows })
  const named = createRabbitMqClient<typeof flows>(servers)
  const run = await client.start('order', { context: { amount: 42 }, startAt: new Date(), onConflict: 'use-existing' })
  const { context } = await run.result({ timeoutMs: 1_000, signal: AbortSignal.timeout(1_000) })
  is<Equal<typeof context, { amount: number; note?: string }>>(true)
  const amount: number = context.amount
  const again = await run.rerunFrom('charge', { context: { amount }, input: [1], runId: 'r', onConflict: 'reject' })
  is<Equal<Awaited<ReturnType<typeof again.result>>['context'], { amount: number; note?: string }>>(true)
  const origin: RunOrigin | undefined = await again.origin()
  // @ts-expect-error: the amount is a number
  await run.rerunFrom(origin?.nodeId ?? 'charge', { context: { amount: '42' } })
  await named.startMany('order', [{ context: { amount } }, { runId: 'r' }], { onConflict: 'reject' })
  const schedule = await client.schedules.create({
    id: 's',
    cron: '* * * * *',
    blueprintId: 'order',
    context: { amount },
  })
  is<Equal<typeof schedule.next, Date[]>>(true)
  await client.schedules.create({
    id: 's',
    everyMs: 1_000,
    blueprintId: 'untyped',
    overlap: 'queue',
    tags: ['customer:42'],
    endAt: new Date(),
  })
  const { schedules, cursor } = await client.schedules.list({ limit: 10 })
  is<Equal<typeof cursor, string | undefined>>(true)
  const triggered: RunHandle<Record<string, unknown>> = await client.schedules.trigger(schedules[0]?.scheduleId ?? 's')
  await named.schedules.backfill(triggered.runId, { from: 0, to: new Date() })
  // @ts-expect-error: there is no such blueprint
  await client.schedules.create({ id: 's', everyMs: 1_000, blueprintId: 'other' })
  // @ts-expect-error: the amount is a number
  await client.schedules.create({ id: 's', everyMs: 1_000, blueprintId: 'order', context: { amount: '42' } })
  // @ts-expect-error: either a pattern or an interval
  await client.schedules.create({ id: 's', everyMs: 1_000, cron: '* * * * *', blueprintId: 'order' })
  // @ts-expect-error: there is no such blueprint
  await client.start('other')
  // @ts-expect-error: the amount is a number
  await client.start('order', { context: { amount: '42' } })
  // @ts-expect-error: there is no such policy
  await client.start('order', { onConflict: 'replace' })
  const free = await client.start('untyped', { context: { anything: [1] } })
  const result = await free.result()
  is<Equal<(typeof result)['context'], Record<string, unknown>>>(true)
  await client.close()
}

async function untyped(adapter: RabbitMqAdapter, blueprint: WorkflowBlueprint, transaction: TransactionLike) {
  const client: RabbitMqClient = adapter.client
  const run: RunHandle = await client.start('any', { context: { a: 1 }, transaction })
  const described: RunDescription = await run.describe()
  const moment: Date | undefined = described.nodes[0]?.dueAt ?? described.createdAt
  const tried: FailedAttempt | undefined = described.nodes[0]?.lastError
  is<Equal<typeof described.endedAt, Date | undefined>>(true)
  const { startedAt, worker }: NodeDescription = described.nodes[0] ?? {
    nodeId: 'n',
    state: 'idle',
    execution: 0,
    attempt: 1,
  }
  console.log(startedAt?.toISOString(), worker?.length, tried?.endedAt)
  const progress: NodeProgress | undefined = described.nodes[0]?.progress
  is<Equal<NodeProgress['value'], unknown>>(true)
  const wait: LimitWait | undefined = described.nodes[0]?.waitsForLimit
  is<Equal<LimitWait['why'], 'concurrency' | 'rate' | 'paused'>>(true)
  console.log(wait?.limit, wait?.key, wait?.since.toISOString(), wait?.until.toISOString())
  console.log(progress?.at.toISOString(), progress?.attempt, progress?.worker)
  const { attempts, cursor }: RunHistory = await run.history({ nodeId: 'n', limit: 10 })
  const attempt: NodeAttempt | undefined = attempts[0]
  is<Equal<NodeAttempt['input'], unknown>>(true)
  console.log(cursor, attempt?.startedAt.toISOString(), attempt?.error?.stack, attempt?.log?.[0]?.level)
  const page: RunPage = await client.list({
    status: ['failed', 'cancelled'],
    updatedBefore: moment ?? 0,
    order: 'desc',
  })
  const next: RunPage = await client.list(page.cursor === undefined ? {} : { cursor: page.cursor })
  const removed: number = await client.purge({ status: 'completed', olderThan: 1_000, tags: ['customer:42'] })
  await client.startMany('any', [{ tags: ['customer:42'] }])
  const tags: string[] | undefined = described.tags ?? (await client.list({ tags: ['customer:42'] })).runs[0]?.tags
  await client.counts(tags === undefined ? {} : { tags })
  // @ts-expect-error: a tag is a text
  await client.start('any', { tags: [42] })
  // @ts-expect-error: whoever purges says how old a run has to be
  await client.purge({ tags: ['customer:42'] })
  const made = createRabbitMqClient({ ...servers, blueprints: { any: blueprint } })
  try {
    await made.run('r').result()
  } catch (error) {
    if (error instanceof RunFailedError)
      console.log(error.code, error.reason, error.nodeErrors?.[0]?.nodeId, next, removed)
  }
}

async function inANode({ dependencies, signal }: NodeContext) {
  const { job } = dependencies as { job?: NodeJob }
  const last = await job?.lastProgress<{ next: number }>()
  is<Equal<typeof last, { next: number } | undefined>>(true)
  const unknown: unknown = await job?.lastProgress()
  is<Equal<ReturnType<NodeJob['heartbeat']>, void>>(true)
  job?.heartbeat()
  job?.heartbeat({ next: (last?.next ?? 0) + 1, unknown })
  if (signal?.reason instanceof HeartbeatTimeoutError) console.log(signal.reason.code, signal.reason.nodeId)
  return { output: 1 }
}

createFlow('beating').node('work', inANode, { config: { heartbeatMs: 30_000, maxRetries: 3 } as HeartbeatNodeConfig })

export { typed, untyped }
