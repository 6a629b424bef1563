/** The files of the page. They are read once; an address outside of them names none. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const FOLDER = fileURLToPath(new URL('./ui/', import.meta.url))

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

interface Asset {
  readonly bytes: Buffer
  readonly gzipped: Buffer
  readonly type: string
  readonly etag: string
  /** Its name has a hash of what it holds. */
  readonly isForever: boolean
}

let known: ReadonlyMap<string, Asset> | undefined

/** The files by their names, as addresses have them. */
function assets(): ReadonlyMap<string, Asset> {
  known ??= new Map(
    readdirSync(FOLDER, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      const type = TYPES[extname(entry.name)]
      if (!entry.isFile() || type === undefined) return []
      const folder = entry.parentPath ?? entry.path
      const path = `${folder}/${entry.name}`.replaceAll('\\', '/')
      const name = path.slice(path.lastIndexOf('/ui/') + '/ui/'.length).replace(/^\/+/, '')
      const bytes = readFileSync(path)
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
      const isForever = name.startsWith('assets/')
      return [[name, { bytes, gzipped: gzipSync(bytes, { level: 9 }), type, etag, isForever }] as const]
    }),
  )
  return known
}

/** Answers with a file; `false` where there is none of that name. */
export function sendAsset(name: string, { method, headers }: IncomingMessage, response: ServerResponse): boolean {
  const asset = assets().get(name)
  if (!asset) return false
  const { bytes, gzipped, type, etag, isForever } = asset
  response.setHeader('etag', etag)
  response.setHeader('vary', 'accept-encoding')
  // A page behind a login is nobody else's.
  response.setHeader('cache-control', isForever ? 'private, max-age=31536000, immutable' : 'no-cache')
  if (headers['if-none-match'] === etag) {
    response.writeHead(304).end()
    return true
  }
  const isGzipped = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
  const body = isGzipped ? gzipped : bytes
  response.writeHead(200, {
    'content-type': type,
    'content-length': body.length,
    ...(isGzipped && { 'content-encoding': 'gzip' }),
  })
  response.end(method === 'HEAD' ? undefined : body)
  return true
}
