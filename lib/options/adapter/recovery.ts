/** Options of a `RabbitMqAdapter` about faults and recovery: how long is waited for whom, and what is done then. */

import type { RabbitMqAdapterOptions } from '../adapter.js'
import type { Grouped } from '../groups.js'
import { milliseconds, object, oneOf, wholeNumber } from '../kinds.js'
import { RETENTION_SCHEMA, type RetentionOptions } from '../retention.js'
import type { Schema } from '../schema.js'

export const RECOVERY_OPTIONS = {
  leaseSeconds: {
    group: 'recovery',
    takes: wholeNumber({ from: 1, to: 120, unit: 'seconds' }),
    words:
      'How long another worker waits before it takes over a node whose worker died. A running node renews its lease, ' +
      'however long it takes.',
    default: 15,
    example: 'leaseSeconds: 30',
    engine: true,
  },
  maxDeaths: {
    group: 'recovery',
    takes: wholeNumber({ from: 0, to: 1_000 }),
    words:
      'How many workers may die while they execute a node, before it fails with that reason; 0 for any number. After the ' +
      'first the node is executed alone for five seconds, and before the last one for as long as it takes. With 1, whatever ' +
      'a worker executed when it died fails. Deaths are counted in Redis.',
    default: 3,
    example: 'maxDeaths: 5',
    engine: true,
  },
  withoutRedis: {
    group: 'recovery',
    takes: oneOf(['continue', 'wait']),
    words:
      'What the worker does while Redis is out of reach: it goes on, or it waits. While it goes on it claims each node in ' +
      'PostgreSQL before it runs it: one more commit a job. A message that may be a copy waits for the time of a lease ' +
      'first, and then half of that for a word of whoever executes its node: others may still reach Redis. The log says ' +
      'which, once.',
    default: 'continue',
    example: "withoutRedis: 'wait'",
    engine: true,
  },
  connectTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 100 }),
    words:
      'How long RabbitMQ and PostgreSQL may take to answer a new connection and to log the adapter in. Each of several ' +
      'URLs of RabbitMQ has that time, each of several hosts of PostgreSQL at most three seconds of it.',
    default: 5_000,
    example: 'connectTimeout: 10_000',
  },
  statementTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 1_000 }),
    words:
      'How long a statement may take. Then it is cancelled; a connection that gives no answer for two seconds more is ' +
      'closed, and the work goes on over another one. A batch of results has a second more for each MiB. Migrations have ' +
      'limits of their own.',
    default: 15_000,
    example: 'statementTimeout: 60_000',
    engine: true,
  },
  publishTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 1_000 }),
    words:
      'How long RabbitMQ may take to confirm a message. Then the message is published again over another connection. Where ' +
      'RabbitMQ says that it is short of memory or disk, the adapter waits for as long as it is.',
    default: 15_000,
    example: 'publishTimeout: 30_000',
    engine: true,
  },
  leaseTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 100 }),
    words:
      'How long the coordination store may take to answer. Then it counts as out of reach (`withoutRedis`), and the next ' +
      'call opens another connection.',
    default: 2_000,
    example: 'leaseTimeout: 500',
    engine: true,
  },
  repairInterval: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How often a started adapter looks for due jobs of its runs that nobody holds, and publishes them again; 0 for ' +
      'never. Of the workers of one queue one looks at a time.',
    default: 5_000,
    example: 'repairInterval: 1_000',
    engine: true,
  },
  versionTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How long a job whose run was started under another version of its blueprint waits for a worker that has it. Then ' +
      'it goes to the dead letters, and its run fails.',
    default: 3_600_000,
    example: 'versionTimeout: 600_000',
    engine: true,
  },
  blueprintTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      'How long a job waits for a worker that has its blueprint at all, its node in it, or the blueprint that the node ' +
      'runs as a subflow. Then it goes to the dead letters, and its run fails. While a worker lives that has another revision of the blueprint, or the inner one, the job waits for ' +
      'that, and beside workers of earlier versions, which do not say what they have, as long as `versionTimeout`.',
    default: 5_000,
    example: 'blueprintTimeout: 60_000',
    engine: true,
  },
  writeTimeout: {
    group: 'recovery',
    takes: milliseconds({ from: 0 }),
    words:
      "How long a node's result waits while PostgreSQL does not take it because of its run alone: another transaction " +
      'has locked its row, or its statement takes too long. Then the node fails with that reason. A result that has waited ' +
      'for a second no longer counts in `concurrency`, as long as Redis answers; a worker keeps up to 1,000 of these, 64 MiB ' +
      'together.',
    default: 600_000,
    example: 'writeTimeout: 60_000',
    engine: true,
  },
  retention: {
    group: 'recovery',
    takes: object<RetentionOptions, typeof RETENTION_SCHEMA>(RETENTION_SCHEMA),
    words:
      'How long runs are kept after they have ended, by how they ended, in milliseconds since they last changed. A worker of the ' +
      'fleet removes older ones by itself, whole, as `client.purge` does: one worker at a time, once a minute while there are ' +
      'some, up to 10,000 at a time of each kind.',
    otherwise: 'for ever',
    example: 'retention: { completed: 7 * 24 * 3_600_000, failed: 90 * 24 * 3_600_000 }',
    engine: true,
  },
} as const satisfies Grouped<Partial<Schema<RabbitMqAdapterOptions>>>
