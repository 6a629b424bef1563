/** What a command says when it fails, and the exit code it ends with. */
import { types } from 'node:util'
import type { ErrorCode } from '../errors.js'
import { CliError, EXIT } from './exit.js'
import type { Io } from './io.js'

/** Codes of what is no fault of this package. */
export type KnownCode = Exclude<ErrorCode, 'INTERNAL'>

const DOCTOR = 'flowcraft-rabbitmq doctor looks at everything, and says what to do'
/** By the code of an error: how the command ends, and what to do. A fault of this package is shown with its stack. */
const BY_CODE: Record<KnownCode, readonly [exit: number, ...todo: string[]]> = {
  RUN_NOT_FOUND: [
    EXIT.notSo,
    'check the id and the tables (--contexts, --statuses); flowcraft-rabbitmq runs list shows what there is',
  ],
  RUN_EXISTS: [
    EXIT.notSo,
    'take another id, or say what becomes of the run: --on-conflict use-existing or restart-if-ended',
  ],
  RUN_ENDED: [EXIT.notSo, 'nothing is to be done with a run that is over; a failed one starts again with: runs retry'],
  RUN_NOT_ENDED: [EXIT.notSo, 'cancel it first: runs cancel'],
  RUN_NOT_FAILED: [EXIT.notSo, 'only a failed run can be retried'],
  RUN_FAILED: [EXIT.notSo, 'runs show <run-id> --errors says why'],
  RUN_CANCELLED: [EXIT.notSo],
  RUN_STALLED: [EXIT.notSo, DOCTOR],
  RUN_BUSY: [EXIT.notSo, 'the run is being changed; try again'],
  RUN_ID_INVALID: [EXIT.usage],
  RESULT_TIMEOUT: [EXIT.timedOut, 'the run goes on; runs watch follows it'],
  NODE_NOT_AWAITING: [EXIT.notSo, 'runs show <run-id> says what the run waits for'],
  NODE_UNKNOWN: [EXIT.notSo, 'take one of the nodes that the message names'],
  NODE_NOT_RERUNNABLE: [EXIT.notSo],
  ACTION_UNKNOWN: [EXIT.notSo, 'take one of the actions that the message names'],
  BLUEPRINT_UNKNOWN: [
    EXIT.usage,
    'name a module that exports the blueprint (--blueprints ./flows.js), or, for a start, start a worker that has it',
  ],
  BLUEPRINT_VERSION: [EXIT.notSo],
  BLUEPRINT_INVALID: [EXIT.notSo],
  CONTEXT_UNREADABLE: [EXIT.notSo, 'somebody wrote into the run’s row: mend its context_data'],
  WRITE_REFUSED: [EXIT.notSo],
  NODE_KILLED_WORKERS: [EXIT.notSo, 'runs show <run-id> says which node'],
  HEARTBEAT_TIMEOUT: [EXIT.notSo, 'runs show <run-id> --errors says which node'],
  RESULT_NOT_PUBLISHED: [EXIT.notSo, 'the adapter’s own publishFinalResult failed: its log says why'],
  RESERVED_KEY: [EXIT.usage],
  VALUE_NOT_STORABLE: [EXIT.usage],
  VALUE_KEY_MISSING: [EXIT.usage, 'name a module that exports the codec of the workers: --codec ./codec.js'],
  VALUE_UNREADABLE: [EXIT.notSo, 'somebody changed the run’s row, or moved the value there: mend its context_data'],
  SCHEDULE_NOT_FOUND: [EXIT.notSo, 'flowcraft-rabbitmq schedules list shows what there is'],
  SCHEDULE_EXISTS: [EXIT.notSo, 'take another id, or give it this definition: --on-conflict update'],
  SCHEDULE_INVALID: [EXIT.usage],
  BACKFILL_TOO_LARGE: [EXIT.usage, 'take a shorter range, and one range after the other'],
  INVALID_OPTION: [EXIT.usage],
  INVALID_ARGUMENT: [EXIT.usage],
  TABLE_MISSING: [EXIT.server, DOCTOR],
  COLUMN_MISSING: [EXIT.server, DOCTOR],
  TABLE_UNFIT: [EXIT.server, DOCTOR],
  DATABASE_UNREACHABLE: [EXIT.server, DOCTOR],
  DATABASE_BUSY: [EXIT.server, 'try again; PostgreSQL is too busy, or a transaction holds what is needed'],
  DATABASE_REFUSED: [EXIT.server, DOCTOR],
  POOLER_UNFIT: [EXIT.server, DOCTOR],
  BROKER_UNREACHABLE: [EXIT.server, DOCTOR],
  BROKER_REFUSED: [EXIT.server, DOCTOR],
  BROKER_LOST: [EXIT.server, DOCTOR],
  QUEUE_MISSING: [EXIT.server, DOCTOR],
  REDIS_UNREACHABLE: [EXIT.server, DOCTOR],
  REDIS_REFUSED: [EXIT.server, DOCTOR],
  COORDINATION_STORE_FAILED: [EXIT.server, 'the coordination store of your own failed: its log says why'],
  NOT_READY: [EXIT.server, DOCTOR],
  STOPPING: [EXIT.notSo, 'it was being stopped; try again'],
}

/** The code of an error of the adapter. */
export function codeOf(error: unknown): KnownCode | undefined {
  if (!types.isNativeError(error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return Object.hasOwn(BY_CODE, error.code) ? (error.code as KnownCode) : undefined
}

/** What is to be done about a code. */
export function todoOf(code: KnownCode): readonly string[] {
  const [, ...todo] = BY_CODE[code]
  return todo
}

/** Tells people what went wrong and what to do. */
export function report(error: unknown, io: Io): number {
  io.endProgress()
  const { message, exit, todo } = asFailure(error)
  const [first = '', ...more] = message.split('\n')
  io.note(first, 'red')
  for (const line of more) io.note(`  ${line}`)
  for (const line of todo) io.note(`→ ${line}`)
  return exit
}

function asFailure(error: unknown): { message: string; exit: number; todo: readonly string[] } {
  if (error instanceof CliError) return error
  const code = codeOf(error)
  if (code !== undefined) {
    const [exit, ...todo] = BY_CODE[code]
    return { message: (error as Error).message, exit, todo }
  }
  const message = types.isNativeError(error) ? (error.stack ?? error.message) : String(error)
  const todo = ['this is an error of flowcraft-rabbitmq: please report it with the lines above']
  return { message, exit: EXIT.bug, todo }
}
