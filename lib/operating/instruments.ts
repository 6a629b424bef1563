/**
 * Every metric: what the engine calls it, what Prometheus and OpenTelemetry call it, and what it means. The documentation's
 * table is made of this.
 */

/** How a label is called. OpenTelemetry has names of its own for it. */
export const LABELS = {
  blueprint: 'flowcraft.blueprint.id',
  queue: 'messaging.destination.name',
  status: 'flowcraft.run.status',
  outcome: 'flowcraft.node.outcome',
  code: 'flowcraft.health.code',
} as const

export type Label = keyof typeof LABELS

export interface Instrument {
  /** In Prometheus. */
  readonly name: string
  /** In OpenTelemetry. */
  readonly otel: string
  /** Of a gauge that does not count. */
  readonly unit?: string
  readonly help: string
  readonly labels: readonly Label[]
}

/** Counted by the engine, under its names. They only grow while the process lives. */
export const COUNTERS = {
  runsStarted: {
    name: 'flowcraft_runs_started_total',
    otel: 'flowcraft.runs.started',
    help: 'Runs that this process started, or began by the first message that named them.',
    labels: ['blueprint', 'queue'],
  },
  runsEnded: {
    name: 'flowcraft_runs_ended_total',
    otel: 'flowcraft.runs.ended',
    help: 'Runs that this process ended: completed, failed or cancelled.',
    labels: ['blueprint', 'queue', 'status'],
  },
  jobsPublished: {
    name: 'flowcraft_jobs_published_total',
    otel: 'flowcraft.jobs.published',
    help: 'Jobs that were published and confirmed. A job that its worker runs at once is not published.',
    labels: ['blueprint', 'queue'],
  },
  retries: {
    name: 'flowcraft_node_retries_total',
    otel: 'flowcraft.node.retries',
    help: 'Nodes that failed and are tried again through the queue.',
    labels: ['blueprint', 'queue'],
  },
  takeovers: {
    name: 'flowcraft_takeovers_total',
    otel: 'flowcraft.takeovers',
    help: 'Nodes executed by a message that another worker, or a lost connection, had before.',
    labels: ['blueprint', 'queue'],
  },
  republished: {
    name: 'flowcraft_jobs_republished_total',
    otel: 'flowcraft.jobs.republished',
    help: 'Lost jobs that recovery, or a call of reconcile(), published again.',
    labels: ['blueprint', 'queue'],
  },
  deadLetters: {
    name: 'flowcraft_dead_letters_total',
    otel: 'flowcraft.dead_letters',
    help: 'Messages that went to the dead letters.',
    labels: ['queue'],
  },
} as const satisfies Record<string, Instrument>

/** Measured by the engine, in seconds. */
export const HISTOGRAMS = {
  wait: {
    name: 'flowcraft_job_wait_seconds',
    otel: 'flowcraft.job.wait',
    help: 'How long a job waited in its queue, from when it was due until it was delivered.',
    labels: ['blueprint', 'queue'],
  },
  node: {
    name: 'flowcraft_node_duration_seconds',
    otel: 'flowcraft.node.duration',
    help: 'How long a node was executed: finished, failed, retry, paused or opened (a subflow).',
    labels: ['blueprint', 'queue', 'outcome'],
  },
  commit: {
    name: 'flowcraft_commit_duration_seconds',
    otel: 'flowcraft.commit.duration',
    help: 'How long the commit of a result took. Its count is the number of commits.',
    labels: ['blueprint', 'queue'],
  },
  publish: {
    name: 'flowcraft_publish_duration_seconds',
    otel: 'messaging.client.operation.duration',
    help: 'How long publishing took, until RabbitMQ had confirmed it.',
    labels: ['queue'],
  },
  process: {
    name: 'flowcraft_process_duration_seconds',
    otel: 'messaging.process.duration',
    help: 'How long a message was held, from its delivery until it was settled.',
    labels: ['queue'],
  },
} as const satisfies Record<string, Instrument>

/** As they are when they are asked for. */
export const GAUGES = {
  slots: {
    name: 'flowcraft_slots',
    otel: 'flowcraft.slots',
    help: 'How many nodes this worker may execute at a time (option concurrency).',
    labels: [],
  },
  slotsInUse: {
    name: 'flowcraft_slots_in_use',
    otel: 'flowcraft.slots.in_use',
    help: 'How many of its slots are in use.',
    labels: [],
  },
  live: {
    name: 'flowcraft_worker_live',
    otel: 'flowcraft.worker.live',
    help: '0 where only a new process helps, else 1.',
    labels: [],
  },
  ready: {
    name: 'flowcraft_worker_ready',
    otel: 'flowcraft.worker.ready',
    help: '1 while the worker takes jobs, else 0.',
    labels: [],
  },
  reasons: {
    name: 'flowcraft_worker_reasons',
    otel: 'flowcraft.worker.reasons',
    help: 'Why the worker does not take jobs, or what is wrong although it does: 1 for each code.',
    labels: ['code'],
  },
  depth: {
    name: 'flowcraft_queue_messages',
    otel: 'flowcraft.queue.messages',
    help: 'Messages that wait in a queue. Of a started worker only.',
    labels: ['queue'],
  },
  consumers: {
    name: 'flowcraft_queue_consumers',
    otel: 'flowcraft.queue.consumers',
    help: 'Consumers of a queue, whoever they are. Of a started worker only.',
    labels: ['queue'],
  },
  oldest: {
    name: 'flowcraft_queue_oldest_age_seconds',
    otel: 'flowcraft.queue.oldest_age',
    unit: 's',
    help: 'How long the oldest job in a queue has waited, at most: since the last that came from it was due.',
    labels: ['queue'],
  },
} as const satisfies Record<string, Instrument>

export type CounterKey = keyof typeof COUNTERS
export type HistogramKey = keyof typeof HISTOGRAMS
export type GaugeKey = keyof typeof GAUGES
