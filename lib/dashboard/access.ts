/** Who may see the dashboard, and what they may do. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type DashboardRole, type DashboardSettings, type DashboardUser, ROLES } from './options.js'
import { Refusal } from './refusal.js'

/** Whoever makes a request. `undefined` where it was answered already. */
export async function viewerOf(
  request: IncomingMessage,
  response: ServerResponse,
  { authorize, token }: DashboardSettings,
): Promise<DashboardUser | undefined> {
  if (authorize) return byTheirWord(request, response, authorize)
  if (token !== undefined) {
    if (hasToken(request.headers, token)) return { role: 'administer' }
    throw new Refusal('NOT_AUTHORIZED', 'Open the dashboard by the address with its token')
  }
  requireLocal(request.socket.remoteAddress, request.headers)
  return { role: 'administer' }
}

async function byTheirWord(
  request: IncomingMessage,
  response: ServerResponse,
  authorize: NonNullable<DashboardSettings['authorize']>,
): Promise<DashboardUser | undefined> {
  let said: Awaited<ReturnType<typeof authorize>>
  try {
    said = await authorize(request, response)
  } catch (cause) {
    throw new Refusal('NOT_AUTHORIZED', 'You may not see this dashboard', { cause })
  }
  if (response.headersSent || response.writableEnded) return undefined
  const user = typeof said === 'string' ? { role: said } : said
  if (!user || !ROLES.includes(user.role)) throw new Refusal('NOT_AUTHORIZED', 'You may not see this dashboard')
  return { role: user.role, ...(typeof user.name === 'string' && { name: user.name }) }
}

/** @throws Refusal where somebody may not do what needs this role. */
export function requireRole({ role }: DashboardUser, needed: DashboardRole): void {
  if (ROLES.indexOf(role) >= ROLES.indexOf(needed)) return
  throw new Refusal('ROLE_MISSING', `This needs the role '${needed}', and you have '${role}'`)
}

/** Names of this machine. Another one may resolve to it too: a page of its own would then talk to us (DNS rebinding). */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i
const LOCAL_ADDRESS = /^(127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/
/** What a proxy adds: whoever stands behind it is not on this machine. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via', 'cf-connecting-ip']

/** @throws Refusal where it is not certain that a request comes from this machine. */
export function requireLocal(address: string | undefined, headers: IncomingHttpHeaders): void {
  const isLocal =
    address !== undefined &&
    LOCAL_ADDRESS.test(address) &&
    LOCAL_HOST.test(headers.host ?? '') &&
    !FORWARDED.some((name) => headers[name] !== undefined)
  if (isLocal) return
  const message = 'Without the option authorize or token, the dashboard answers only at localhost, without a proxy'
  throw new Refusal('NOT_LOCAL', message)
}

/** The cookie that stands for a token: another token, another name, as a host has one jar for all its ports. */
function cookieOf(token: string): { name: string; value: string } {
  const hash = createHash('sha256').update(`flowcraft dashboard ${token}`).digest('base64url')
  return { name: `flowcraft_dashboard_${hash.slice(0, 8).replaceAll('-', '_')}`, value: hash }
}

function hasToken(headers: IncomingHttpHeaders, token: string): boolean {
  const { name, value } = cookieOf(token)
  const cookies = (headers.cookie ?? '').split(';').map((each) => each.trim())
  const given = cookies.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1)
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  return isSame(given, value) || isSame(bearer, token)
}

/** The header that lets a browser in whose address has the token; nothing where it has another one. */
export function letIn(request: IncomingMessage, given: string | null, token: string | undefined): string | undefined {
  if (token === undefined || given === null || !isSame(given, token)) return undefined
  const { name, value } = cookieOf(token)
  const isSecure = (request.socket as TLSSocket).encrypted || request.headers['x-forwarded-proto'] === 'https'
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
}

/** In a time that says nothing of the secret. */
function isSame(given: string | undefined, secret: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return given !== undefined && timingSafeEqual(hash(given), hash(secret))
}
