/** Whether a request comes from the page itself. Pure: by what browsers say in headers, and what no other site can send. */
import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from './refusal.js'

/** No form can send it, and no script of another site without asking first, which is never answered. */
export const MARK = 'x-flowcraft-dashboard'

/** @throws Refusal where another site's page asks for data. */
export function requireOwnRead(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw crossSite()
}

/** @throws Refusal where another site's page would hold a stream open; an old browser says no more than the origin. */
export function requireOwnStream(headers: IncomingHttpHeaders): void {
  requireOwnRead(headers)
  const { 'sec-fetch-site': site, origin } = headers
  if (site === undefined && origin !== undefined && !isOwn(origin, headers)) throw crossSite()
}

/** @throws Refusal where it is not certain that the page itself asks for an action. */
export function requireOwnWrite(headers: IncomingHttpHeaders): void {
  if (headers[MARK] === undefined) throw crossSite()
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') throw crossSite()
  // Browsers say nothing more of pages over plain HTTP; a proxy may have changed the host.
  if (site === undefined && headers.origin !== undefined && !isOwn(headers.origin, headers)) throw crossSite()
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
    throw new Refusal('BODY_INVALID', 'The body of an action is JSON')
  }
}

function isOwn(origin: string, { host, 'x-forwarded-host': forwarded }: IncomingHttpHeaders): boolean {
  if (!URL.canParse(origin)) return false
  return [host, ...[forwarded].flat()].includes(new URL(origin).host)
}

function crossSite(): Refusal {
  return new Refusal('CROSS_SITE', 'Only the dashboard’s own page may ask for this')
}
