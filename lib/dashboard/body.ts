/** The body of an action: JSON, up to a size. */
import type { IncomingMessage } from 'node:http'
import { isObject } from '../is-object.js'
import { Refusal } from './refusal.js'

/** What is above the limit is read to its end up to so many times it, so that the answer is heard. */
const PATIENCE = 16

/** @throws Refusal where it is too large, or no JSON object. */
export async function bodyOf(request: IncomingMessage & { body?: unknown }, limit: number): Promise<object> {
  // A framework may have read it before.
  if (request.readableEnded && request.body !== undefined) return ofParsed(request.body, limit)
  const body = await read(request, limit)
  if (!body) throw tooLarge(limit)
  return ofText(body.toString('utf8'))
}

/** The bytes of a body; nothing where there are too many. One that has no end is not waited for, and still answered. */
function read(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size <= limit) chunks.push(chunk)
      else if (size > limit * PATIENCE) {
        request.off('data', take)
        request.pause()
        resolve(undefined)
      }
    }
    request.on('data', take)
    request.once('end', () => resolve(size > limit ? undefined : Buffer.concat(chunks)))
    request.once('error', reject)
  })
}

function ofParsed(body: unknown, limit: number): object {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return ofText(String(body))
  if (!isObject(body)) throw invalid()
  if (JSON.stringify(body).length > limit) throw tooLarge(limit)
  return body
}

function ofText(text: string): object {
  let body: unknown
  try {
    body = JSON.parse(text === '' ? '{}' : text)
  } catch {
    throw invalid()
  }
  if (isObject(body) && !Array.isArray(body)) return body
  throw invalid()
}

function tooLarge(limit: number): Refusal {
  return new Refusal('BODY_TOO_LARGE', `The body has more than ${limit} bytes`)
}

function invalid(): Refusal {
  return new Refusal('BODY_INVALID', 'The body is no JSON object')
}
