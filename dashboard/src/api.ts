/** How the page asks its server. Addresses are relative to the page, wherever that is. */

import type { ComparedNode } from '../../lib/client/differences.js'
import type { LimitUse } from '../../lib/client/limits.js'
import type { RunCount, RunPage, RunSummary } from '../../lib/client/listing.js'
import type { RunOrigin } from '../../lib/client/rerun.js'
import type { Approval } from '../../lib/dashboard/approvals.js'
import type { DrawnBlueprint } from '../../lib/dashboard/blueprints.js'
import type { Comparison, ShownDifference } from '../../lib/dashboard/compare.js'
import type { ShownLetter } from '../../lib/dashboard/dead.js'
import type { Fleet, ServerHealth } from '../../lib/dashboard/fleet.js'
import type { ShownHistory } from '../../lib/dashboard/history.js'
import type { DashboardRole } from '../../lib/dashboard/options.js'
import type { ShownRun } from '../../lib/dashboard/run.js'
import type { Outcome } from '../../lib/dashboard/runs.js'
import type { ShownSchedule } from '../../lib/dashboard/schedules.js'
import type { Span, Throughput } from '../../lib/dashboard/throughput.js'
import type { ValueView } from '../../lib/dashboard/value-view.js'

/** A type as JSON has it: dates are texts. */
export type Json<T> = T extends Date
  ? string
  : T extends string
    ? T
    : T extends (infer E)[]
      ? Json<E>[]
      : T extends object
        ? { [K in keyof T]: Json<T[K]> }
        : T

export type Run = Json<ShownRun>
export type RunNode = Run['nodes'][number]
export type Summary = Json<RunSummary>
export type Schedule = Json<ShownSchedule>
export type Letter = Json<ShownLetter>
export type KeptAttempt = Json<ShownHistory>['attempts'][number]
export type Compared = Json<Comparison>
export type {
  ComparedNode,
  DashboardRole,
  DrawnBlueprint,
  Fleet,
  Outcome,
  RunCount,
  ServerHealth,
  Span,
  Throughput,
  ValueView,
}

export interface Session {
  user?: string
  role: DashboardRole
  readOnly: boolean
  version: string
  blueprints: string[]
  queues: string[]
}

/** The calls that read, with what each answers. */
export interface Reads {
  session: Session
  health: { servers: ServerHealth[] }
  fleet: Json<Fleet>
  limits: { limits: Json<LimitUse>[] }
  runs: Json<RunPage>
  'runs/counts': { counts: RunCount[]; at: number }
  'runs/throughput': Json<Throughput>
  'runs/preview': { ids: string[]; first: Summary[]; isMore: boolean }
  'runs/compare': Compared
  'runs/compare-contexts': {
    differences: ShownDifference[]
    total: number
    same: number
    hidden: number
    next?: number
  }
  run: Run
  'run/graph': { blueprints: DrawnBlueprint[] }
  'run/origin': { origin?: RunOrigin }
  'run/comparable': { runId?: string }
  'run/history': Json<ShownHistory>
  'run/context': { value?: ValueView }
  'run/copy': { json: string }
  approvals: { approvals: Json<Approval>[]; cursor?: string }
  schedules: { schedules: Schedule[]; cursor?: string }
  dead: { letters: Letter[]; isMore: boolean }
}

export type Params = Record<string, string | number | undefined>

/** What the server says when it does not do what it was asked for. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** How long an answer is waited for, in milliseconds. */
const PATIENCE = 60_000

export function addressOf(call: string, params: Params = {}): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return `./api/${call}${query === '' ? '' : `?${query}`}`
}

export async function read<Call extends keyof Reads>(
  call: Call,
  params?: Params,
  signal?: AbortSignal,
): Promise<Reads[Call]> {
  return JSON.parse(await text(addressOf(call, params), {}, signal)) as Reads[Call]
}

/** The answer as it came: two that are the same are seen to be. */
export function readText(call: keyof Reads, params: Params, signal: AbortSignal): Promise<string> {
  return text(addressOf(call, params), {}, signal)
}

export async function change<Answer = object>(call: string, body: object): Promise<Answer> {
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-flowcraft-dashboard': '1' },
    body: JSON.stringify(body),
  }
  return JSON.parse(await text(addressOf(call), init)) as Answer
}

async function text(address: string, init: RequestInit, signal?: AbortSignal): Promise<string> {
  const patience = AbortSignal.timeout(PATIENCE)
  let response: Response
  let body: string
  try {
    response = await fetch(address, {
      ...init,
      credentials: 'same-origin',
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    })
    body = await response.text()
  } catch (error) {
    if (signal?.aborted) throw error
    throw new ApiError(0, 'OFFLINE', 'The server of the dashboard does not answer')
  }
  if (response.ok) return body
  throw errorOf(response.status, body)
}

function errorOf(status: number, body: string): ApiError {
  try {
    const { error } = JSON.parse(body) as { error: { code: string; message: string } }
    return new ApiError(status, error.code, error.message)
  } catch {
    return new ApiError(status, 'UNKNOWN', `The server answers with ${status}`)
  }
}
