// TLS in front of the plain servers of a test: what speaks TLS to a front speaks plainly to its server behind it.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

/** A file of the test's certificates: `pem('ca')`, `pem('client', 'key')`. */
export const pem = (name, kind = 'pem') =>
  readFileSync(new URL(`../certificates/${name}.${kind}`, import.meta.url), 'utf8')

/** What a PostgreSQL client sends first to ask for TLS. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/**
 * Opens a front of a server until the test ends.
 *
 * @param {string} url of the plain server
 * @param {object} [options]
 * @param {string} [options.certificate] the one it shows
 * @param {boolean} [options.knowsClients] whether it turns away clients without a certificate of the authority
 * @param {boolean} [options.refuses] whether it says, as PostgreSQL can, that it does not speak TLS
 * @returns the port; how many clients spoke with TLS, how many went on without; the names their certificates said
 */
export async function front(t, url, { certificate = 'server', knowsClients = false, refuses = false } = {}) {
  const target = new URL(url)
  const seen = { encrypted: 0, plain: 0, names: [] }
  const sockets = new Set()
  const secureContext = tls.createSecureContext({ cert: pem(certificate), key: pem(certificate, 'key'), ca: pem('ca') })
  const options = { isServer: true, secureContext, requestCert: knowsClients, rejectUnauthorized: knowsClients }
  const hold = (socket) => {
    sockets.add(socket)
    // A client that refuses our certificate ends its side with an alert.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const encrypt = (socket) => {
    const encrypted = hold(new tls.TLSSocket(socket, options))
    encrypted.once('secure', () => {
      if (knowsClients && encrypted.ssl.verifyError()) return encrypted.destroy()
      seen.encrypted += 1
      if (knowsClients) seen.names.push(encrypted.getPeerCertificate().subject.CN)
      const server = hold(net.connect(Number(target.port), target.hostname))
      encrypted.pipe(server).pipe(encrypted)
      server.on('close', () => encrypted.destroy())
      encrypted.on('close', () => server.destroy())
    })
  }
  const listener = net.createServer((socket) => {
    hold(socket).once('data', (first) => {
      if (first.equals(SSL_REQUEST) && refuses) {
        socket.once('data', () => {
          seen.plain += 1
          socket.destroy()
        })
        return socket.write('N')
      }
      socket.pause()
      if (first.equals(SSL_REQUEST)) {
        socket.write('S')
      } else if (first[0] === 22) {
        // The first byte of a TLS handshake.
        socket.unshift(first)
      } else {
        seen.plain += 1
        return socket.destroy()
      }
      encrypt(socket)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => {
    listener.close()
    for (const socket of sockets) socket.destroy()
  })
  return Object.assign(seen, { port: listener.address().port })
}
