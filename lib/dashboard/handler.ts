/** The dashboard as a request handler: who asks, what they may, what answers. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { letIn, requireRole, viewerOf } from './access.js'
import { targetOf } from './address.js'
import { sendJson, sendText, setSafeHeaders } from './answers.js'
import { sendAsset } from './assets.js'
import { actionOf, record } from './audit.js'
import { type Board, boardOf } from './board.js'
import { bodyOf } from './body.js'
import { sourceOf } from './followed.js'
import { Input } from './input.js'
import { type DashboardOptions, type DashboardUser, dashboardSettings } from './options.js'
import { Refusal, toldOf } from './refusal.js'
import { ROUTES, type Route } from './routes.js'
import { requireOwnRead, requireOwnStream, requireOwnWrite } from './same-site.js'

const API = 'api/'

/** A request handler as `node:http`, Express and Fastify call it. */
export type DashboardHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

type Request = IncomingMessage & { originalUrl?: string }

/** A call of the page, that somebody may make. */
interface Call {
  readonly name: string
  readonly query: URLSearchParams
  readonly viewer: DashboardUser
}

/**
 * The dashboard, as a handler that mounts anywhere: in `node:http`, Express or Fastify, behind any prefix. Without `authorize`
 * or `token` it answers only to this machine. Opens no connection before it is asked something.
 *
 * @throws TypeError naming the option that cannot work.
 *
 * @example
 * ```ts
 * createServer(dashboardHandler({ client: adapter.client })).listen(4600, '127.0.0.1')
 * ```
 */
export function dashboardHandler(options: DashboardOptions): DashboardHandler {
  const { settings, unknown } = dashboardSettings(options)
  const board = boardOf(settings)
  for (const sentence of unknown) board.logger.warn(`[Dashboard] ${sentence}`)
  return (request, response) => handle(board, request, response)
}

async function handle(board: Board, request: Request, response: ServerResponse): Promise<void> {
  setSafeHeaders(response)
  const target = targetOf(request.url ?? '/', request.originalUrl, board.settings.basePath)
  const isCall = target !== undefined && 'name' in target && target.name.startsWith(API)
  try {
    if (target === undefined) throw new Refusal('NOT_FOUND', 'There is nothing here')
    if ('redirect' in target) {
      response.writeHead(308, { location: target.redirect, 'cache-control': 'no-store' }).end()
      return
    }
    const { name, query } = target
    if (name === '' && isLetIn(board, request, response, query)) return
    const viewer = await viewerOf(request, response, board.settings)
    if (!viewer) return
    if (isCall) await call(board, request, response, { name: name.slice(API.length), query, viewer })
    else page(name, request, response)
  } catch (error) {
    // Whoever went away in the middle of a body hears no answer.
    if (request.destroyed && !request.complete) return
    const told = toldOf(error)
    if (error instanceof Refusal && error.cause !== undefined) board.logger.error(`[Dashboard] ${stackOf(error.cause)}`)
    if (told.status === 500) board.logger.error(`[Dashboard] ${stackOf(error)}`)
    if (told.code === 'BODY_TOO_LARGE' && !request.complete) response.setHeader('connection', 'close')
    const { status, ...rest } = told
    if (isCall) await sendJson(request, response, { status, value: { error: rest } })
    else sendText(response, told)
  }
}

/** The address has the token: the browser gets a cookie, and an address without it. */
function isLetIn(board: Board, request: Request, response: ServerResponse, query: URLSearchParams): boolean {
  if (request.method !== 'GET' || !query.has('token')) return false
  const cookie = letIn(request, query.get('token'), board.settings.token)
  if (cookie === undefined) return false
  response.writeHead(303, { location: './', 'set-cookie': cookie, 'cache-control': 'no-store' }).end()
  return true
}

function page(name: string, request: Request, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    throw new Refusal('METHOD_NOT_ALLOWED', 'Files are only read')
  }
  if (!sendAsset(name === '' ? 'index.html' : name, request, response)) {
    throw new Refusal('NOT_FOUND', 'There is nothing here')
  }
}

async function call(board: Board, request: Request, response: ServerResponse, { name, query, viewer }: Call) {
  if (name === 'session') {
    requireOwnRead(request.headers)
    return sendJson(request, response, { status: 200, value: sessionOf(board, viewer) })
  }
  if (name === 'live') return follow(board, request, response, { query, viewer })
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined
  if (!route) throw new Refusal('NOT_FOUND', 'There is no such call')
  if (request.method !== route.method) {
    response.setHeader('allow', route.method)
    throw new Refusal('METHOD_NOT_ALLOWED', `This takes ${route.method}`)
  }
  if (route.method === 'GET') {
    requireOwnRead(request.headers)
    requireRole(viewer, route.role)
    return sendJson(request, response, { status: 200, value: await route.answer(board, Input.ofQuery(query)) })
  }
  const value = await change(board, request, response, { name, viewer, route })
  return sendJson(request, response, { status: 200, value })
}

/** A stream of what a call answers. */
function follow(board: Board, request: Request, response: ServerResponse, { query, viewer }: Omit<Call, 'name'>): void {
  if (request.method !== 'GET') {
    response.setHeader('allow', 'GET')
    throw new Refusal('METHOD_NOT_ALLOWED', 'This takes GET')
  }
  requireOwnStream(request.headers)
  requireRole(viewer, 'look')
  board.live.open(sourceOf(board, query), request, response)
}

/** An action: recorded, whether it is done or refused. */
async function change(
  board: Board,
  request: Request,
  response: ServerResponse,
  { name, viewer, route }: { name: string; viewer: DashboardUser; route: Route },
): Promise<object> {
  let target: Record<string, unknown> = {}
  try {
    requireOwnWrite(request.headers)
    if (board.settings.readOnly) {
      response.setHeader('allow', 'GET')
      throw new Refusal('READ_ONLY', 'This dashboard only shows: nothing can be changed here')
    }
    requireRole(viewer, route.role)
    const input = new Input(Object.fromEntries(Object.entries(await bodyOf(request, board.settings.maxBodyBytes))))
    target = input.target
    const answer = await route.answer(board, input)
    record(board, actionOf(name, viewer, target))
    return answer
  } catch (error) {
    record(board, actionOf(name, viewer, target, toldOf(error).code))
    throw error
  }
}

/** What the page has to know before it shows anything. */
function sessionOf({ host, settings }: Board, { name, role }: DashboardUser): object {
  const { blueprintIds, queues } = host.beside
  return {
    ...(name !== undefined && { user: name }),
    role,
    readOnly: settings.readOnly,
    version: VERSION,
    blueprints: blueprintIds(),
    queues,
  }
}

const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
