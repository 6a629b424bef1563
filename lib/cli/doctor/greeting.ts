/** RabbitMQ's greeting: the broker sends its version before a client logs in. */
import { connect as plain } from 'node:net'
import { connect as encrypted } from 'node:tls'
import type { Address } from './address.js'

export interface Greeting {
  product: string | undefined
  version: string | undefined
  cluster: string | undefined
}

const HELLO = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')
/** Of a frame: type, channel, size. */
const HEAD = 7
/** Of the payload before the table of properties: class, method, two numbers of the protocol's version. */
const BEFORE_TABLE = 6
const PATIENCE = 3_000

/** What the broker at an address says of itself; undefined where nobody there speaks AMQP in that way. */
export function greetingOf(
  address: Address,
  ca?: string | Buffer | (string | Buffer)[],
): Promise<Greeting | undefined> {
  const { host, port, isEncrypted } = address
  return new Promise((resolve) => {
    const socket = isEncrypted
      ? encrypted({ host, port, ...(ca !== undefined && { ca }), ...(/[a-z]/i.test(host) && { servername: host }) })
      : plain({ host, port })
    let heard = Buffer.alloc(0)
    const end = (greeting?: Greeting) => {
      socket.destroy()
      resolve(greeting)
    }
    socket.setTimeout(PATIENCE, () => end())
    socket.once(isEncrypted ? 'secureConnect' : 'connect', () => socket.write(HELLO))
    socket.once('error', () => end())
    socket.once('close', () => end())
    socket.on('data', (more: Buffer) => {
      heard = Buffer.concat([heard, more])
      // A method on channel 0; anything else is no greeting.
      if (heard[0] !== 1) return end()
      if (heard.length < HEAD || heard.length < HEAD + heard.readUInt32BE(3)) return
      end(read(heard.subarray(HEAD)))
    })
  })
}

function read(payload: Buffer): Greeting | undefined {
  try {
    const properties = texts(payload, BEFORE_TABLE)
    return {
      product: properties.get('product'),
      version: properties.get('version'),
      cluster: properties.get('cluster_name'),
    }
  } catch {
    return undefined
  }
}

/** The texts of a table of fields: a length, then names and values. */
function texts(bytes: Buffer, from: number): Map<string, string> {
  const found = new Map<string, string>()
  const end = from + 4 + bytes.readUInt32BE(from)
  for (let at = from + 4; at < end; ) {
    const name = bytes.toString('utf8', at + 1, at + 1 + bytes.readUInt8(at))
    at += 1 + bytes.readUInt8(at)
    const kind = String.fromCharCode(bytes.readUInt8(at))
    at += 1
    if (kind === 't') at += 1
    else if (kind === 'S' || kind === 'F') {
      const length = bytes.readUInt32BE(at)
      if (kind === 'S') found.set(name, bytes.toString('utf8', at + 4, at + 4 + length))
      at += 4 + length
    } else break
  }
  return found
}
