/** Options of a `RabbitMqAdapter` about its servers, tables and queues. */
import type { ICoordinationStore } from 'flowcraft'
import type { RabbitMqAdapterOptions } from '../adapter.js'
import { amqpServer } from '../amqp.js'
import type { Grouped } from '../groups.js'
import { list, objectWith, oneOf, queueName, queuesByBlueprint, tableName, wholeNumber } from '../kinds.js'
import { postgresServer } from '../postgres.js'
import type { Schema } from '../schema.js'

const STORE_METHODS = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get']

export const SERVER_OPTIONS = {
  coordinationStore: {
    group: 'servers',
    takes: objectWith<ICoordinationStore>(STORE_METHODS, `an object with the methods ${STORE_METHODS.join(', ')}`),
    words:
      "A `RedisCoordinationStore`, or your own object with the methods of core's `ICoordinationStore`. With the other " +
      "servers in memory, `new RedisCoordinationStore('memory:')`.",
    required: true,
    example: "coordinationStore: new RedisCoordinationStore('redis://localhost')",
  },
  amqpConnection: {
    group: 'servers',
    takes: amqpServer(),
    words:
      'RabbitMQ: a URL (`amqp:`, `amqps:`), several URLs of one cluster, an options object, or a live amqplib connection ' +
      '(0.10 to 2). `memory:` (or `memory:name`) stands for all servers in the memory of this process: adapters of its ' +
      'threads that name the same memory share it, nothing of it is durable, and `pgClient` and the coordination store ' +
      'must name it too.',
    required: true,
    example: "amqpConnection: 'amqp://localhost'",
  },
  pgClient: {
    group: 'servers',
    takes: postgresServer(),
    words:
      'PostgreSQL: a connection string, a `pg` config object, or a live `pg` Client or Pool, whose parameters the adapter ' +
      'reads. It opens connections of its own. `memory:` as in `amqpConnection`.',
    required: true,
    example: "pgClient: 'postgresql://user:pass@localhost:5432/db'",
  },
  contextTableName: {
    group: 'servers',
    takes: tableName(),
    words: 'The table of contexts: `table` or `schema.table`.',
    required: true,
    example: "contextTableName: 'flowcraft_contexts'",
    engine: true,
  },
  statusTableName: {
    group: 'servers',
    takes: tableName(),
    words: 'The table of statuses: `table` or `schema.table`.',
    required: true,
    example: "statusTableName: 'flowcraft_statuses'",
    engine: true,
  },
  queueName: {
    group: 'queues',
    takes: queueName(),
    words: 'The queue of jobs. The worker declares it as durable where there is none.',
    default: 'flowcraft-queue',
    example: "queueName: 'flowcraft-jobs'",
    engine: true,
  },
  queues: {
    group: 'queues',
    takes: queuesByBlueprint(),
    words:
      'Queues by blueprint. The jobs of a blueprint that is named here travel through the queue it is given, all others ' +
      'through `queueName`. Each queue has dead letters and delays of its own.',
    default: {},
    example: "queues: { video: 'video-jobs' }",
    engine: true,
  },
  consume: {
    group: 'queues',
    takes: list<string>('an array of queues that queueName or queues names', (queue) => typeof queue === 'string'),
    words:
      'The queues a started adapter takes jobs from, of `queueName` and those in `queues`. `concurrency` is one limit for ' +
      'all of them.',
    otherwise: 'all of them',
    example: "consume: ['video-jobs']",
    engine: true,
  },
  queueType: {
    group: 'queues',
    takes: oneOf(['classic', 'quorum']),
    words:
      'The type of the queues the adapter declares: of jobs, of dead letters and of delays. It takes a queue that exists ' +
      'as it is. Quorum queues need RabbitMQ 3.10.',
    otherwise: "the broker's own",
    example: "queueType: 'quorum'",
  },
  maxPriority: {
    group: 'queues',
    takes: wholeNumber({ from: 1, to: 255 }),
    words:
      'The greatest priority that the queues of jobs tell apart: runs started with a greater `priority` are worked first. Such ' +
      'queues are classic ones. RabbitMQ keeps a queue for each priority, so take few, such as 5. A queue that exists stays as ' +
      'it is: to give it priorities, delete it and start the workers again.',
    otherwise: 'none',
    example: 'maxPriority: 5',
  },
} as const satisfies Grouped<Partial<Schema<RabbitMqAdapterOptions>>>
