/** Options of the dashboard. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ILogger } from 'flowcraft'
import { RabbitMqClient } from '../client/client.js'
import { callback, flag, kind, objectWith, text, wholeNumber } from '../options/kinds.js'
import { type Checked, check, type Schema, unknownOptions } from '../options/schema.js'

/** What a person may do: only look; act on runs and dead letters; remove them for good. Each includes those before. */
export const ROLES = ['look', 'operate', 'administer'] as const

/** What a person may do, of which each includes those before. */
export type DashboardRole = (typeof ROLES)[number]

/** A person, as `authorize` knows them. */
export interface DashboardUser {
  /** By which their actions are recorded. */
  name?: string
  role: DashboardRole
}

/** Something that somebody did, or was refused. */
export interface DashboardAction {
  /** As the page and the address of the call name it: `run/cancel`. */
  action: string
  /** By `authorize`; absent where it names nobody. */
  user?: string
  at: Date
  /** What it was done to: `runId`, `nodeId`, `ids` and the like. Payloads are left out. */
  target: Record<string, unknown>
  /** Why it was not done: the code of the error. */
  refused?: string
}

/**
 * Where a value that is to be shown stands: in a run's context, in what is known of its nodes, in a dead letter, or at a
 * schedule.
 */
export type DashboardPlace = 'context' | 'node' | 'deadLetter' | 'schedule'

/** Options of `dashboardHandler`. */
export interface DashboardOptions {
  /** What `createRabbitMqClient` makes, or an adapter's `client`. Graphs are drawn from its blueprints. */
  client: RabbitMqClient<never> | RabbitMqClient
  /**
   * Where it is mounted, as this process sees the address. Express says it by itself; a proxy may add or take away what it
   * likes, for the page uses relative addresses alone.
   */
  basePath?: string
  /**
   * Says who makes a request and what they may do: a role, or a name and a role. Nothing, `false` and an error refuse. It
   * may also answer the request itself, with a redirect to a login.
   */
  authorize?: (
    request: IncomingMessage,
    response: ServerResponse,
  ) =>
    | DashboardUser
    | DashboardRole
    | false
    | null
    | undefined
    | Promise<DashboardUser | DashboardRole | false | null | undefined>
  /** A secret in place of `authorize`: whoever opens `/?token=…` once has all rights. */
  token?: string
  /** Whether every action is refused. */
  readOnly?: boolean
  /**
   * Called for each value before it leaves the server, from the outside in, with its path; what it returns is shown. A value
   * at which it throws is not shown.
   */
  redact?: (path: readonly string[], value: unknown, place: DashboardPlace) => unknown
  /** Hears of every action that was done or refused, besides the log. */
  onAction?: (action: DashboardAction) => void
  /** Gets a line for each action, and errors. */
  logger?: ILogger
  /** The largest request body accepted, in bytes. A larger one is answered with 413. */
  maxBodyBytes?: number
}

export const DASHBOARD_SCHEMA = {
  client: {
    takes: kind<RabbitMqClient<never> | RabbitMqClient>(
      "a client that createRabbitMqClient made, or an adapter's client",
      (value) => value instanceof RabbitMqClient,
    ),
    words: 'What `createRabbitMqClient` makes, or an adapter’s `client`. Graphs are drawn from its blueprints.',
    required: true,
    example: 'client: adapter.client',
  },
  basePath: {
    takes: kind<string>("a path such as '/ops/flowcraft'", (value) => typeof value === 'string' && isPath(value)),
    words: 'Where it is mounted, as this process sees the address. Express says it by itself.',
    otherwise: 'what Express took away, else the root',
    example: "basePath: '/ops/flowcraft'",
  },
  authorize: {
    takes: callback<NonNullable<DashboardOptions['authorize']>>(),
    words: 'Says who makes a request and what they may do.',
    otherwise: 'whoever has the `token`; without one, whoever is on this machine',
    example: "authorize: (request) => request.user && { name: request.user.email, role: 'operate' }",
  },
  token: {
    takes: text({ atLeast: 16 }),
    words: 'A secret in place of `authorize`: whoever opens `/?token=…` once has all rights.',
    otherwise: 'none',
    example: 'token: process.env.DASHBOARD_TOKEN',
  },
  readOnly: {
    takes: flag(),
    words: 'Whether every action is refused.',
    default: false,
    example: 'readOnly: true',
  },
  redact: {
    takes: callback<NonNullable<DashboardOptions['redact']>>(),
    words: 'Called for each value before it leaves the server, from the outside in; what it returns is shown.',
    otherwise: 'every value is shown',
    example: "redact: (path, value) => (path.includes('card') ? '•••' : value)",
  },
  onAction: {
    takes: callback<NonNullable<DashboardOptions['onAction']>>(),
    words: 'Hears of every action that was done or refused, besides the log.',
    otherwise: 'the log alone',
    example: 'onAction: (action) => audit.insert(action)',
  },
  logger: {
    takes: objectWith<ILogger>(
      ['debug', 'info', 'warn', 'error'],
      'a logger with the methods debug, info, warn and error',
    ),
    words: 'Gets a line for each action, and errors.',
    otherwise: "the client's",
    example: 'logger: new ConsoleLogger()',
  },
  maxBodyBytes: {
    takes: wholeNumber({ from: 1, unit: 'bytes' }),
    words: 'The largest request body accepted. A larger one is answered with 413.',
    default: 1024 * 1024,
    example: 'maxBodyBytes: 65_536',
  },
} as const satisfies Schema<DashboardOptions>

export type DashboardSettings = Checked<typeof DASHBOARD_SCHEMA>

/** @throws TypeError naming the option that cannot work. */
export function dashboardSettings(options: DashboardOptions): { settings: DashboardSettings; unknown: string[] } {
  return { settings: check(DASHBOARD_SCHEMA, options), unknown: unknownOptions(DASHBOARD_SCHEMA, { ...options }) }
}

function isPath(value: string): boolean {
  return value === '' || (/^\/[^?#\s\\]*$/.test(value) && !value.startsWith('//'))
}
