// A proxy, firewall or load balancer between a client and a server that loses connections without a word: it keeps them
// open and takes every byte, and nothing comes back. Or it freezes them for a while: nothing gets through, until all does.
import { once } from 'node:events'
import net from 'node:net'

const USUAL_PORTS = { 'amqp:': 5672, 'postgres:': 5432, 'postgresql:': 5432, 'redis:': 6379 }

/** Opens one before the server that `url` names, for as long as the test `t` lasts. */
export async function openSilentProxy(t, url) {
  const proxy = await startSilentProxy(url)
  t.after(() => proxy.close())
  return proxy
}

/** Opens one that its caller closes. */
export async function startSilentProxy(url) {
  const proxy = new SilentProxy(new URL(url))
  await proxy.open()
  return proxy
}

class SilentProxy {
  #to
  #server
  #connections = new Set()
  /** Of connections that are opened: `both` ways, only the `answers`, or none. */
  #silenceOfNew

  constructor(to) {
    this.#to = to
    this.#server = net.createServer((client) => this.#connect(client))
  }

  async open() {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  /** The server's URL, through this. */
  get url() {
    const url = new URL(this.#to)
    url.host = `127.0.0.1:${this.#server.address().port}`
    return url.href
  }

  /** How many connections are open that are not silent. */
  get alive() {
    return [...this.#connections].filter(({ silence }) => !silence).length
  }

  /** Connections that are open fall silent: `both` ways, or only the `answers`. New ones too, if it is said. */
  silence({ ways = 'both', newOnes = false } = {}) {
    for (const connection of this.#connections) connection.silence = ways
    if (newOnes) this.#silenceOfNew = ways
  }

  /** Connections that are open get nothing through until they thaw, either way; new ones do. Answers with how to. */
  freeze() {
    const sockets = [...this.#connections].flatMap(({ client, server }) => [client, server])
    for (const socket of sockets) socket.pause()
    return () => {
      for (const socket of sockets) socket.resume()
    }
  }

  /** New connections are like any. */
  mend() {
    this.#silenceOfNew = undefined
  }

  close() {
    for (const { client, server } of this.#connections) {
      client.destroy()
      server.destroy()
    }
    this.#server.close()
  }

  #connect(client) {
    const host = this.#to.hostname.replace(/^\[|\]$/g, '')
    const server = net.connect(Number(this.#to.port) || USUAL_PORTS[this.#to.protocol], host)
    const connection = { client, server, silence: this.#silenceOfNew }
    this.#connections.add(connection)
    client.on('data', (data) => connection.silence === 'both' || server.write(data))
    server.on('data', (data) => connection.silence || client.write(data))
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        server.destroy()
        this.#connections.delete(connection)
      })
    }
  }
}
