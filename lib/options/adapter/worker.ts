/** Options of a `RabbitMqAdapter` about how its worker runs nodes, and runs them again. */

import type { RabbitMqAdapterOptions } from '../adapter.js'
import type { Grouped } from '../groups.js'
import { flag, milliseconds, oneOf, wholeNumber } from '../kinds.js'
import { limitsByName } from '../limits.js'
import type { Schema } from '../schema.js'

export const WORKER_OPTIONS = {
  concurrency: {
    group: 'worker',
    takes: wholeNumber({ from: 1, to: 10_000 }),
    words:
      'How many nodes this worker runs at a time. It is the prefetch of each of its queues. A hundred serve nodes that wait ' +
      'for others and chains of short ones; take fewer where nodes compute for long, since they share one thread, and ' +
      '`limits` where a server that they call takes few calls at a time.',
    default: 100,
    example: 'concurrency: 20',
    engine: true,
  },
  continuation: {
    group: 'worker',
    takes: flag(),
    words:
      'Whether a worker that has committed a result runs the node that is due then, if it is the only one, at once and under ' +
      'the message it holds, instead of publishing it: up to 100 nodes or 250 ms in a row, four or 50 ms while all of its ' +
      '`concurrency` is in use. Each node has a lease and a commit of its own as ever. Set it to `false` while version 1 ' +
      'works the same queues.',
    default: true,
    example: 'continuation: false',
    engine: true,
  },
  subflows: {
    group: 'worker',
    takes: oneOf(['auto', 'jobs', 'whole']),
    words:
      'How the nodes of subflows are executed. `jobs`: as jobs of the run, each with a lease and a commit of its own, so that ' +
      'what holds for other nodes holds for them. `whole`: all within the job of the node that runs the subflow, as 2.0.0 ' +
      "does. `auto`: as jobs where every worker of this adapter's queues can execute them, else whole. A node with " +
      '`config.inProcess: true` always runs its subflow whole, and so does every one where the runtime has middleware.',
    default: 'auto',
    example: "subflows: 'whole'",
    engine: true,
  },
  limits: {
    group: 'worker',
    takes: limitsByName(),
    words:
      'Limits by key, for all workers of one Redis together: how many nodes with that `config.limit` are executed at a time, and ' +
      'how many start within a time. `config.limit` is one of these names, or begins with one and a colon: ' +
      // biome-ignore lint/suspicious/noTemplateCurlyInString: how a user writes it
      "`'tenant:${customerId}'` is a key for each value of `customerId` in the run's context. A job that waits holds no place.",
    otherwise: 'none',
    example: 'limits: { openai: { concurrency: 4, rate: { count: 60, perMs: 60_000 } } }',
    engine: true,
  },
  stopTimeout: {
    group: 'worker',
    takes: milliseconds({ from: 0 }),
    words:
      'How long `stop()` waits for nodes in flight. Whatever hangs, it ends at most three seconds later, and what was not ' +
      'done is back in its queue.',
    default: 20_000,
    example: 'stopTimeout: 10_000',
  },
  eventLoopTimeout: {
    group: 'worker',
    takes: milliseconds({ from: 1_000 }),
    words:
      "How long your code may block the event loop before this worker's nodes count as dead and others take them over.",
    default: 300_000,
    example: 'eventLoopTimeout: 60_000',
    engine: true,
  },
  retryMode: {
    group: 'retries',
    takes: oneOf(['in-process', 'queue']),
    words:
      "Where a node's retries (`config.maxRetries`) happen: within its job, as core does, or each as a job of its own. " +
      'Through the queue each attempt waits `config.retryDelay`, doubled each time and shortened at random by up to a ' +
      'quarter, and the worker is free meanwhile.',
    default: 'in-process',
    example: "retryMode: 'queue'",
  },
  retryMaxDelay: {
    group: 'retries',
    takes: milliseconds({ from: 0 }),
    words: 'The longest wait between two attempts through the queue.',
    default: 60_000,
    example: 'retryMaxDelay: 600_000',
  },
} as const satisfies Grouped<Partial<Schema<RabbitMqAdapterOptions>>>
