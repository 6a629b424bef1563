/** Why a request is not done, and the status of its answer. */
import { types } from 'node:util'
import type { ErrorCode } from '../errors.js'

/** What a request may be refused for by the dashboard itself; everything else has the code of the adapter's error. */
export type RefusalCode =
  | 'NOT_AUTHORIZED'
  | 'NOT_LOCAL'
  | 'ROLE_MISSING'
  | 'READ_ONLY'
  | 'CROSS_SITE'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'BODY_INVALID'
  | 'VALUE_TOO_LARGE'
  | 'INVALID_ARGUMENT'
  | 'CLIENT_GONE'
  | 'TOO_MANY_STREAMS'

const STATUS_OF_REFUSAL: Record<RefusalCode, number> = {
  NOT_AUTHORIZED: 401,
  NOT_LOCAL: 403,
  ROLE_MISSING: 403,
  READ_ONLY: 405,
  CROSS_SITE: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  BODY_INVALID: 400,
  VALUE_TOO_LARGE: 413,
  INVALID_ARGUMENT: 400,
  CLIENT_GONE: 400,
  TOO_MANY_STREAMS: 503,
}

/** Refuses a request. */
export class Refusal extends Error {
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string, options?: { cause: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** By the adapter's codes. Servers, and what somebody has to set up, are 503. A fault of this package goes to the log alone. */
const STATUS_OF_CODE: Record<Exclude<ErrorCode, 'INTERNAL'>, number> = {
  RUN_NOT_FOUND: 404,
  RUN_EXISTS: 409,
  RUN_ENDED: 409,
  RUN_NOT_ENDED: 409,
  RUN_NOT_FAILED: 409,
  RUN_FAILED: 409,
  RUN_CANCELLED: 409,
  RUN_STALLED: 409,
  RUN_BUSY: 409,
  RUN_ID_INVALID: 400,
  NODE_NOT_AWAITING: 409,
  NODE_UNKNOWN: 404,
  NODE_NOT_RERUNNABLE: 409,
  NODE_KILLED_WORKERS: 503,
  HEARTBEAT_TIMEOUT: 503,
  ACTION_UNKNOWN: 409,
  VALUE_NOT_STORABLE: 400,
  VALUE_KEY_MISSING: 409,
  VALUE_UNREADABLE: 409,
  RESERVED_KEY: 400,
  SCHEDULE_NOT_FOUND: 404,
  SCHEDULE_EXISTS: 409,
  SCHEDULE_INVALID: 409,
  BACKFILL_TOO_LARGE: 400,
  INVALID_ARGUMENT: 400,
  INVALID_OPTION: 400,
  CONTEXT_UNREADABLE: 422,
  WRITE_REFUSED: 422,
  BLUEPRINT_INVALID: 422,
  BLUEPRINT_UNKNOWN: 422,
  BLUEPRINT_VERSION: 422,
  TABLE_MISSING: 503,
  COLUMN_MISSING: 503,
  TABLE_UNFIT: 503,
  DATABASE_UNREACHABLE: 503,
  DATABASE_BUSY: 503,
  DATABASE_REFUSED: 503,
  POOLER_UNFIT: 503,
  BROKER_UNREACHABLE: 503,
  BROKER_REFUSED: 503,
  BROKER_LOST: 503,
  QUEUE_MISSING: 503,
  REDIS_UNREACHABLE: 503,
  REDIS_REFUSED: 503,
  COORDINATION_STORE_FAILED: 503,
  RESULT_NOT_PUBLISHED: 503,
  RESULT_TIMEOUT: 503,
  NOT_READY: 503,
  STOPPING: 503,
}

/** An error as it is answered. */
export interface Told {
  status: number
  code: string
  message: string
  retryable?: boolean
  runId?: string
  nodeId?: string
}

/** What is told of an error. One that nobody expected is told to the log alone. */
export function toldOf(error: unknown): Told {
  if (error instanceof Refusal) {
    return { status: STATUS_OF_REFUSAL[error.code], code: error.code, message: error.message }
  }
  if (types.isNativeError(error) && 'code' in error && typeof error.code === 'string') {
    const { code, message } = error
    if (Object.hasOwn(STATUS_OF_CODE, code)) {
      const status = STATUS_OF_CODE[code as keyof typeof STATUS_OF_CODE]
      const { retryable, runId, nodeId } = error as { retryable?: boolean; runId?: string; nodeId?: string }
      return {
        status,
        code,
        message,
        ...(retryable && { retryable }),
        ...(runId !== undefined && { runId }),
        ...(nodeId !== undefined && { nodeId }),
      }
    }
  }
  return { status: 500, code: 'INTERNAL', message: 'The dashboard failed at this; its log says why' }
}
