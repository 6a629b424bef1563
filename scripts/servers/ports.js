// Picks TCP ports for the private servers.
//
// The ports come from below the range the system hands to outgoing connections (32768 and up on Linux, 49152
// and up on macOS). Inside that range, a client that keeps trying to reach a stopped server can be given the
// server's own port as its source port: it then connects to itself, and the server cannot come back.

import { createServer } from 'node:net'

const FIRST = 20000
const LAST = 32000

/**
 * Ports of 127.0.0.1 that are free right now. Another program may still take one before the server does, so
 * whoever starts a server must be ready to ask again.
 *
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
  const ports = new Set()
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 1000) throw new Error(`No free port found on 127.0.0.1 between ${FIRST} and ${LAST}.`)
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)))
  })
}
