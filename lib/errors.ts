/**
 * What the adapter throws: errors with a `code`, and classes for those that are caught by class. `docs/errors.md` says
 * of each code when it comes and what to do.
 */

/** What went wrong. A code never changes; a message may. */
export type ErrorCode =
  | 'RUN_NOT_FOUND'
  | 'RUN_EXISTS'
  | 'RUN_ENDED'
  | 'RUN_NOT_ENDED'
  | 'RUN_FAILED'
  | 'RUN_CANCELLED'
  | 'RUN_STALLED'
  | 'RESULT_TIMEOUT'
  | 'RUN_NOT_FAILED'
  | 'NODE_NOT_AWAITING'
  | 'NODE_UNKNOWN'
  | 'NODE_NOT_RERUNNABLE'
  | 'ACTION_UNKNOWN'
  | 'RUN_BUSY'
  | 'RUN_ID_INVALID'
  | 'CONTEXT_UNREADABLE'
  | 'VALUE_NOT_STORABLE'
  | 'VALUE_KEY_MISSING'
  | 'VALUE_UNREADABLE'
  | 'WRITE_REFUSED'
  | 'RESERVED_KEY'
  | 'BLUEPRINT_UNKNOWN'
  | 'BLUEPRINT_VERSION'
  | 'BLUEPRINT_INVALID'
  | 'TABLE_MISSING'
  | 'COLUMN_MISSING'
  | 'TABLE_UNFIT'
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_BUSY'
  | 'DATABASE_REFUSED'
  | 'POOLER_UNFIT'
  | 'BROKER_UNREACHABLE'
  | 'BROKER_REFUSED'
  | 'BROKER_LOST'
  | 'QUEUE_MISSING'
  | 'REDIS_UNREACHABLE'
  | 'REDIS_REFUSED'
  | 'COORDINATION_STORE_FAILED'
  | 'RESULT_NOT_PUBLISHED'
  | 'SCHEDULE_NOT_FOUND'
  | 'SCHEDULE_EXISTS'
  | 'SCHEDULE_INVALID'
  | 'BACKFILL_TOO_LARGE'
  | 'INVALID_OPTION'
  | 'INVALID_ARGUMENT'
  | 'NODE_KILLED_WORKERS'
  | 'HEARTBEAT_TIMEOUT'
  | 'NOT_READY'
  | 'STOPPING'
  | 'INTERNAL'

/** What an error says besides its message. */
export interface ErrorDetails {
  code: ErrorCode
  /** Default `false`. */
  retryable?: boolean | undefined
  runId?: string | undefined
  nodeId?: string | undefined
  sqlState?: string | undefined
  cause?: unknown
}

/**
 * Whatever goes wrong in the adapter or one of its servers. Mistakes in what a caller passes are a `TypeError` instead,
 * with a `code` too.
 *
 * @example
 * ```ts
 * try {
 *   await adapter.resumeWithAction(runId, 'approve')
 * } catch (error) {
 *   if (error instanceof FlowcraftAdapterError && error.retryable) return tryAgainLater()
 *   throw error
 * }
 * ```
 */
export class FlowcraftAdapterError extends Error {
  /** What went wrong: what a program decides by. */
  readonly code: ErrorCode
  /** Whether the same call may succeed later, with nothing changed by anybody. */
  readonly retryable: boolean
  /** The run it happened to, where it happened to one. */
  declare readonly runId?: string
  /** The node it happened to, where it happened to one. */
  declare readonly nodeId?: string
  /** The code of PostgreSQL's answer (SQLSTATE), where it gave one. */
  declare readonly sqlState?: string

  constructor(message: string, { code, retryable = false, runId, nodeId, sqlState, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryable = retryable
    // Absent, rather than undefined: what is printed of an error shows only what is known.
    Object.assign(this, defined({ runId, nodeId, sqlState }))
  }
}

/** There is no such run: it has no context row. */
export class RunNotFoundError extends FlowcraftAdapterError {}

/** There is a run of this id already. */
export class RunExistsError extends FlowcraftAdapterError {}

/** The run is over: completed, failed or cancelled. */
export class RunEndedError extends FlowcraftAdapterError {}

/** A node that failed, and why. */
export interface NodeFailure {
  nodeId: string
  message: string
}

/**
 * The run whose result was waited for ended, and not as `completed`: the code is `RUN_FAILED`, `RUN_CANCELLED` or
 * `RUN_STALLED`.
 */
export class RunFailedError extends FlowcraftAdapterError {
  /** Why, as its status row says. */
  declare readonly reason?: string
  /** Every node that failed, in the order in which they did. */
  declare readonly nodeErrors?: readonly NodeFailure[]

  constructor(message: string, details: ErrorDetails & { reason?: string; nodeErrors?: readonly NodeFailure[] }) {
    super(message, details)
    const { reason, nodeErrors } = details
    Object.assign(this, defined({ reason, nodeErrors }))
  }
}

/**
 * A stored value is encrypted and cannot be read: this process lacks the key (`VALUE_KEY_MISSING`), or the value was changed, or
 * moved here from another key or run (`VALUE_UNREADABLE`). Within a node it comes as core's `FlowcraftError`, with the same fields.
 */
export class ValueUnreadableError extends FlowcraftAdapterError {
  /** The key of the context. */
  declare readonly key?: string

  constructor(message: string, details: ErrorDetails & { key?: string }) {
    super(message, details)
    Object.assign(this, defined({ key: details.key }))
  }
}

/**
 * A node with a `config.heartbeatMs` did not call `job.heartbeat` for that long: its attempt failed with this, and its `signal` has
 * it as its reason. The code is `HEARTBEAT_TIMEOUT`.
 *
 * @example
 * ```ts
 * if (signal.reason instanceof HeartbeatTimeoutError) await connection.close()
 * ```
 */
export class HeartbeatTimeoutError extends FlowcraftAdapterError {}

/** The run, or the node, does not wait to be resumed. */
export class NotAwaitingError extends FlowcraftAdapterError {}

/** A server does not answer, is too busy, or refuses the engine. */
export class ConnectionError extends FlowcraftAdapterError {}

/** Something has to be set up or mended before the call can succeed: a table, a column, a blueprint. */
export class SetupError extends FlowcraftAdapterError {}

const CLASSES = {
  FlowcraftAdapterError,
  RunNotFoundError,
  RunExistsError,
  RunEndedError,
  RunFailedError,
  ValueUnreadableError,
  HeartbeatTimeoutError,
  NotAwaitingError,
  ConnectionError,
  SetupError,
}

for (const [name, { prototype }] of Object.entries(CLASSES)) {
  Object.defineProperty(prototype, 'name', { value: name, writable: true, configurable: true })
}

/** The classes of codes that have one of their own. */
const BY_CODE: Partial<Record<ErrorCode, typeof FlowcraftAdapterError>> = {
  RUN_NOT_FOUND: RunNotFoundError,
  RUN_EXISTS: RunExistsError,
  RUN_ENDED: RunEndedError,
  RUN_FAILED: RunFailedError,
  RUN_CANCELLED: RunFailedError,
  RUN_STALLED: RunFailedError,
  VALUE_KEY_MISSING: ValueUnreadableError,
  VALUE_UNREADABLE: ValueUnreadableError,
  HEARTBEAT_TIMEOUT: HeartbeatTimeoutError,
  NODE_NOT_AWAITING: NotAwaitingError,
  DATABASE_UNREACHABLE: ConnectionError,
  DATABASE_BUSY: ConnectionError,
  DATABASE_REFUSED: ConnectionError,
  BROKER_UNREACHABLE: ConnectionError,
  BROKER_REFUSED: ConnectionError,
  BROKER_LOST: ConnectionError,
  QUEUE_MISSING: ConnectionError,
  REDIS_UNREACHABLE: ConnectionError,
  REDIS_REFUSED: ConnectionError,
  COORDINATION_STORE_FAILED: ConnectionError,
  TABLE_MISSING: SetupError,
  COLUMN_MISSING: SetupError,
  TABLE_UNFIT: SetupError,
  POOLER_UNFIT: SetupError,
  BLUEPRINT_UNKNOWN: SetupError,
  BLUEPRINT_VERSION: SetupError,
  BLUEPRINT_INVALID: SetupError,
}

/** An error of the class that its code has. */
export function errorOf(message: string, details: ErrorDetails): FlowcraftAdapterError {
  const Class = BY_CODE[details.code] ?? FlowcraftAdapterError
  return new Class(message, details)
}

/** A mistake in what a caller passes, found before anything is sent. */
export function mistake(
  code: 'INVALID_OPTION' | 'INVALID_ARGUMENT' | 'RESERVED_KEY' | 'VALUE_NOT_STORABLE',
  message: string,
  details: { option?: string } = {},
): TypeError {
  return Object.assign(new TypeError(message), { code, ...details })
}

function defined(properties: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined))
}
