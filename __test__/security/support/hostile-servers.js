// Servers that fail whoever connects, each in its own way; some repeat what they were told, as real ones may.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import tls from 'node:tls'

const certificate = (kind) => readFileSync(new URL(`../certificates/self-signed.${kind}`, import.meta.url))

const word = (number) => [number >> 8, number & 255]
const long = (number) => [...word(number >>> 16), ...word(number & 65535)]
const amqpMethod = (payload) => Buffer.from([1, ...word(0), ...long(payload.length), ...payload, 0xce])
const longText = (text) => [...long(text.length), ...Buffer.from(text)]

/** RabbitMQ's greeting; the answer to it holds the login. */
const AMQP_START = amqpMethod([...word(10), ...word(10), 0, 9, ...long(0), ...longText('PLAIN'), ...longText('en_US')])
/** PostgreSQL asking for the password in the clear. */
const POSTGRES_ASK = Buffer.from([0x52, ...long(8), ...long(3)])

/** Refuses a login in words that repeat it. */
const REPEATING = {
  amqp: (socket) => {
    socket.once('data', () => {
      socket.write(AMQP_START)
      socket.once('data', (login) => {
        // The login stands at the end of the frame, before the locale and the frame's last byte.
        const said = Buffer.concat([Buffer.from('ACCESS_REFUSED - '), login.subarray(-80, -7)])
        socket.write(amqpMethod([...word(10), ...word(50), ...word(403), said.length, ...said, ...word(0), ...word(0)]))
      })
    })
  },
  database: (socket) => {
    socket.once('data', () => {
      socket.write(POSTGRES_ASK)
      socket.once('data', (login) => {
        const password = login.subarray(5, -1)
        const field = (name) => Buffer.concat([Buffer.from(`${name}refused: `), password, Buffer.from([0])])
        const [severity, code] = ['SFATAL\0', 'C28P01\0'].map((text) => Buffer.from(text))
        const fields = Buffer.concat([severity, code, field('M'), field('D'), field('H'), Buffer.from([0])])
        socket.end(Buffer.concat([Buffer.from([0x45, ...long(fields.length + 4)]), fields]))
      })
    })
  },
  redis: (socket) => {
    // As Redis does to a command that it does not know, or that was renamed.
    socket.on('data', (commands) => {
      for (const [, command] of commands.toString().matchAll(/\*\d+\r\n((?:\$\d+\r\n[^\r]*\r\n)+)/g)) {
        const [name, ...rest] = [...command.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map(([, argument]) => `'${argument}'`)
        socket.write(`-ERR unknown command ${name}, with args beginning with: ${rest.join(' ')}\r\n`)
      }
    })
  },
}

const BEHAVIOURS = {
  'hangs up at once': (socket) => socket.destroy(),
  'hangs up in the middle': (socket) => socket.once('data', () => socket.destroy()),
  'says what is no protocol': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n<html>no</html>'),
  'says everything back': (socket) => socket.once('data', (data) => socket.end(data)),
}

/** Opens every server that fails clients of one kind; answers with their ports, by what they do. */
export async function hostileServers(kind) {
  const plain = { ...BEHAVIOURS, 'repeats the login in its refusal': REPEATING[kind] }
  const servers = Object.entries(plain).map(([name, behave]) => [
    name,
    net.createServer((socket) => behave(socket.on('error', () => {}))),
  ])
  const encrypted = tls.createServer({ cert: certificate('pem'), key: certificate('key') }, (socket) => socket.end())
  servers.push(['has a certificate of nobody', encrypted.on('tlsClientError', () => {})])
  const ports = {}
  for (const [name, server] of servers) {
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    ports[name] = server.address().port
  }
  return ports
}
