/** Options of a test environment. */
import type { FlowRuntime, NodeClass, NodeFunction } from 'flowcraft'
import type { RabbitMqAdapter } from '../adapter.js'
import type { Flows } from '../client/flows.js'
import { mistake } from '../errors.js'
import { isObject } from '../is-object.js'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'
import { nearest } from '../options/nearest.js'

/** Where real servers are. */
export interface TestServers {
  /** RabbitMQ: `amqp://localhost`. */
  amqp: string
  /** PostgreSQL: `postgresql://localhost/test`. */
  database: string
  /** Redis: `redis://localhost`. */
  redis: string
}

/** The options that an environment sets itself. */
type Own =
  | 'runtimeOptions'
  | 'amqpConnection'
  | 'pgClient'
  | 'coordinationStore'
  | 'contextTableName'
  | 'statusTableName'
  | 'queueName'

/** What the nodes of the flows are run with: the options of a `FlowRuntime` but for its blueprints. */
export type TestRuntimeOptions = Omit<RabbitMqAdapterOptions['runtimeOptions'], 'blueprints' | 'registry'> & {
  /** Nodes that the flows do not bring along, by the names under which blueprints use them. */
  registry?: Record<string, NodeFunction | NodeClass>
}

/** Options of {@link createTestEnvironment}. */
export interface TestEnvironmentOptions<F extends Flows = Flows> {
  /** What is tested, by id: what `createFlow` builds, or blueprints. */
  flows: F
  /**
   * What the nodes are run with: `registry`, `dependencies`, `middleware`, `serializer`, `eventBus`, `logger`, … Default:
   * nothing, and a logger that says nothing.
   */
  runtime?: TestRuntimeOptions
  /** Options of the adapters, but for servers, tables and queue. */
  adapter?: Partial<Omit<RabbitMqAdapterOptions, Own>>
  /** The class of the adapters. Default: `RabbitMqAdapter`. */
  Adapter?: new (
    options: RabbitMqAdapterOptions,
  ) => RabbitMqAdapter
  /** How many workers there are. Default: 1. */
  workers?: number
  /** How long `settle` and the assertions wait for code of yours, in milliseconds of real time. Default: 5000. */
  patience?: number
  /** Real servers, in place of memory: needs the packages `pg` and `amqplib`. */
  servers?: TestServers
}

const KNOWN = ['flows', 'runtime', 'adapter', 'Adapter', 'workers', 'patience', 'servers']

/** @throws TypeError naming the option that cannot work. */
export function checkTestOptions<F extends Flows>(options: TestEnvironmentOptions<F>): TestEnvironmentOptions<F> {
  const refuse = (option: string, accepts: string) =>
    mistake('INVALID_OPTION', `Invalid option ${option}: it takes ${accepts}`, { option })
  if (!isObject(options) || !isObject(options.flows)) {
    throw refuse('flows', 'an object of flows, each under its id')
  }
  for (const option of Object.keys(options).filter((name) => !KNOWN.includes(name))) {
    const meant = nearest(option, KNOWN)
    throw refuse(option, meant === undefined ? 'nothing: there is no such option' : `nothing: ${meant} is meant`)
  }
  const { workers = 1, patience = 1, servers } = options
  if (!(Number.isInteger(workers) && workers >= 0)) throw refuse('workers', 'a whole number, 0 or more')
  if (!(Number.isFinite(patience) && patience > 0)) throw refuse('patience', 'a number of milliseconds above 0')
  for (const name of servers === undefined ? [] : (['amqp', 'database', 'redis'] as const)) {
    if (typeof servers?.[name] !== 'string') throw refuse(`servers.${name}`, 'a URL')
  }
  return options
}

/** The implementations of nodes that flows bring along, and those given beside them. */
export function registryOf(flows: Flows, more: TestRuntimeOptions['registry'] = {}): FlowRuntimeRegistry {
  const own = Object.values(flows).flatMap((flow) => ('getFunctionRegistry' in flow ? entriesOf(flow) : []))
  return { ...Object.fromEntries(own), ...more }
}

type FlowRuntimeRegistry = Record<string, NodeFunction | NodeClass>
type Registered = ReturnType<typeof FlowRuntime.prototype._createExecutionRegistry>

function entriesOf(flow: object): [string, NodeFunction | NodeClass][] {
  return [...(flow as { getFunctionRegistry(): Registered }).getFunctionRegistry()]
}
