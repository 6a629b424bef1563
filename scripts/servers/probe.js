// Asks a TCP port one question, to learn who is behind it.

import { connect } from 'node:net'

/**
 * Connects, optionally sends `question`, and tells whether an answer was accepted.
 *
 * @param {object} target
 * @param {number} target.port
 * @param {string} [target.host]
 * @param {Buffer | string} [target.question]
 * @param {(answer: Buffer) => boolean} [target.accept] called with everything received so far; without it,
 *   being able to connect is enough
 * @param {number} [target.timeout] in milliseconds
 * @returns {Promise<boolean>}
 */
export function probe({ port, host = '127.0.0.1', question, accept, timeout = 1000 }) {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0)
    const socket = connect({ port, host })
    const finish = (result) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(finish, timeout, false)
    socket.on('error', () => finish(false))
    socket.on('close', () => finish(false))
    socket.on('connect', () => {
      if (!accept) return finish(true)
      socket.write(question)
    })
    socket.on('data', (data) => {
      answer = Buffer.concat([answer, data])
      if (accept(answer)) finish(true)
    })
  })
}
