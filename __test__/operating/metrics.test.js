// What is counted and measured: as Prometheus reads it, and as OpenTelemetry's SDK gets it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { createFlow } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { freshMemory, QUEUE, TABLES } from '../memory/support.js'
import { counting, environmentFor, held } from '../testing/support.js'
import { seriesOf, served } from './support.js'

let tries = 0
/** A node that fails once, through the queue, and one behind it. */
const stubborn = createFlow('stubborn')
  .node(
    'first',
    () => {
      tries += 1
      if (tries % 2 === 1) throw new Error('not yet')
      return { output: 1 }
    },
    { config: { maxRetries: 2, retryDelay: 1 } },
  )
  .node('second', () => ({ output: 2 }))
  .edge('first', 'second')
const doomed = createFlow('doomed').node('first', () => {
  throw new Error('no')
})

const OPTIONS = { retryMode: 'queue', continuation: false }

/** Two runs, one of which fails, and a message that is no job. */
async function worked({ begin, memory, settled }) {
  begin('r', 'stubborn', 'first')
  begin('d', 'doomed', 'first')
  memory.publish(QUEUE, Buffer.from('no job'))
  await settled('r')
  await settled('d')
}

/** A counter of one blueprint. */
async function counted(ask, name, blueprint) {
  const series = seriesOf(await (await ask('/metrics')).text())
  const [, count] = Object.entries(series).find(([each]) => each.startsWith(`${name}{blueprint="${blueprint}"`)) ?? []
  return count
}

describe('the metrics of Prometheus', () => {
  it('count runs, jobs, retries and dead letters, and measure waits, nodes and commits', async (t) => {
    const corner = freshMemory(t)
    const adapter = corner.worker([stubborn, doomed], OPTIONS)
    const ask = await served(t, adapter.metricsHandler())
    await worked(corner)
    const read = async () => seriesOf(await (await ask('/metrics')).text())
    const dead = `flowcraft_dead_letters_total{queue="${QUEUE}"}`
    await until(async () => (await read())[dead] === 1, { what: 'the dead letter to be counted' })
    const series = await read()
    const of = (blueprint, more = '') => `{blueprint="${blueprint}",queue="${QUEUE}"${more}}`
    const expected = {
      [`flowcraft_runs_started_total${of('stubborn')}`]: 1,
      [`flowcraft_runs_started_total${of('doomed')}`]: 1,
      [`flowcraft_runs_ended_total${of('stubborn', ',status="completed"')}`]: 1,
      [`flowcraft_runs_ended_total${of('doomed', ',status="failed"')}`]: 1,
      [`flowcraft_node_retries_total${of('stubborn')}`]: 1,
      [`flowcraft_jobs_published_total${of('stubborn')}`]: 2,
      [`flowcraft_node_duration_seconds_count${of('stubborn', ',outcome="finished"')}`]: 2,
      [`flowcraft_node_duration_seconds_count${of('stubborn', ',outcome="retry"')}`]: 1,
      [`flowcraft_node_duration_seconds_count${of('doomed', ',outcome="failed"')}`]: 1,
      [`flowcraft_commit_duration_seconds_count${of('stubborn')}`]: 3,
      [`flowcraft_job_wait_seconds_count${of('stubborn')}`]: 2,
      flowcraft_slots: 100,
      flowcraft_slots_in_use: 0,
      flowcraft_worker_ready: 1,
      flowcraft_worker_live: 1,
      [`flowcraft_queue_messages{queue="${QUEUE}"}`]: 0,
      [`flowcraft_queue_consumers{queue="${QUEUE}"}`]: 1,
      [`flowcraft_queue_oldest_age_seconds{queue="${QUEUE}"}`]: 0,
    }
    const found = Object.fromEntries(Object.keys(expected).map((name) => [name, series[name]]))
    assert.deepEqual(found, expected)
    const buckets = Object.entries(series).filter(([name]) =>
      name.startsWith(`flowcraft_commit_duration_seconds_bucket{blueprint="stubborn"`),
    )
    const counts = buckets.map(([, count]) => count)
    assert.deepEqual(
      [...counts].sort((one, other) => one - other),
      counts,
      'each bucket holds those below it',
    )
    assert.equal(counts.at(-1), 3)
  })

  it('count a node that another worker takes over from one that died', async (t) => {
    const { flow, letGo } = held()
    const env = await environmentFor(t, { held: flow })
    const run = await env.client.start('held')
    await env.untilExecuting('hold')
    await env.killWorker({ executing: 'hold', replace: false })
    const survivor = await env.startWorker()
    const ask = await served(t, survivor.metricsHandler())
    await env.untilExecuting('hold')
    letGo(1)
    await env.expectRun(run).toHaveCompleted()
    assert.equal(await counted(ask, 'flowcraft_takeovers_total', 'held'), 1)
  })

  it('count a lost job that is published again', async (t) => {
    const { memory, settled, worker } = freshMemory(t)
    const adapter = worker(counting)
    const ask = await served(t, adapter.metricsHandler())
    // Its client died before it published the job.
    memory.insert(TABLES, 'r', JSON.stringify({ blueprintId: 'counting' }), 'running')
    assert.deepEqual(await adapter.reconcile('r'), new Set(['first']))
    assert.equal((await settled('r')).status, 'completed')
    assert.equal(await counted(ask, 'flowcraft_jobs_republished_total', 'counting'), 1)
  })

  it('are text of its format, with words for each', async (t) => {
    const { worker } = freshMemory(t)
    const adapter = worker(doomed)
    const ask = await served(t, adapter.metricsHandler())
    const response = await ask('/metrics')
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    const text = await response.text()
    const LINE = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)*\})? -?[\d.e+-]+)$/
    for (const line of text.trim().split('\n')) assert.match(line, LINE)
    assert.equal((await ask('/metrics', { method: 'POST' })).status, 405)
  })

  it('escape what a blueprint may be called, and tell only so many apart', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const names = ['a"\\\n', 'b', 'c']
    const flows = names.map((name) => createFlow(name).node('first', () => ({ output: 1 })))
    const adapter = worker(flows, { telemetry: { maxBlueprints: 1 } })
    const ask = await served(t, adapter.metricsHandler())
    for (const name of names) {
      begin(`run of ${name}`, name, 'first')
      await settled(`run of ${name}`)
    }
    const series = seriesOf(await (await ask('/')).text())
    const started = Object.entries(series).filter(([name]) => name.startsWith('flowcraft_runs_started_total'))
    assert.deepEqual(started, [
      [`flowcraft_runs_started_total{blueprint="a\\"\\\\\\n",queue="${QUEUE}"}`, 1],
      [`flowcraft_runs_started_total{blueprint="other",queue="${QUEUE}"}`, 2],
    ])
  })
})

describe('the metrics of OpenTelemetry', () => {
  it('reach the SDK under their names, with their attributes', async (t) => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })
    const provider = new MeterProvider({ readers: [reader] })
    metrics.setGlobalMeterProvider(provider)
    t.after(async () => {
      metrics.disable()
      await provider.shutdown()
    })
    const corner = freshMemory(t)
    const adapter = corner.worker([stubborn, doomed], { ...OPTIONS, telemetry: { metrics: true } })
    await worked(corner)
    await adapter.stop()
    const fresh = corner.worker([stubborn], { telemetry: { metrics: true } })
    await fresh.ready({ timeoutMs: 5_000 })
    await reader.forceFlush()
    const told = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
    const values = (name) =>
      told
        .findLast(({ descriptor }) => descriptor.name === name)
        ?.dataPoints.map(({ attributes, value }) => ({ ...attributes, value })) ?? []
    const waits = values('flowcraft.node.duration').find((point) => point['flowcraft.node.outcome'] === 'retry')
    assert.equal(waits.value.count, 1)
    assert.equal(waits['flowcraft.blueprint.id'], 'stubborn')
    assert.equal(values('messaging.process.duration')[0]['messaging.system'], 'rabbitmq')
    assert.equal(values('messaging.process.duration')[0]['messaging.destination.name'], QUEUE)
    assert.deepEqual(
      values('flowcraft.worker.ready').map(({ value }) => value),
      [1],
    )
    const ofQueue = (name) => values(`flowcraft.queue.${name}`)
    for (const [name, value] of [
      ['messages', 0],
      ['consumers', 1],
      ['oldest_age', 0],
    ]) {
      assert.deepEqual(ofQueue(name), [{ 'messaging.destination.name': QUEUE, value }], name)
    }
  })
})
