// Stands before a server and cuts every connection whenever a test says so.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class CuttingProxy {
  #open = new Set()
  /** How many pieces pass before all is cut, and how many before the next time. */
  #plan = []
  /** How often it was cut after so many pieces. */
  cuts = 0
  #server

  /** Opens a proxy before the server of a URL; `url` is the way through it. */
  static async before(url) {
    const target = new URL(url)
    const proxy = new CuttingProxy(target.hostname, Number(target.port))
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening')
    target.hostname = '127.0.0.1'
    target.port = String(proxy.#server.address().port)
    proxy.url = target.href
    return proxy
  }

  constructor(host, port) {
    this.#server = createServer((client) => {
      const server = connect(port, host)
      for (const socket of [client, server]) {
        this.#open.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => {
          this.#open.delete(socket)
          client.destroy()
          server.destroy()
        })
      }
      for (const socket of [client, server]) socket.on('data', () => this.#passes())
      client.pipe(server).pipe(client)
    })
  }

  /** Cuts every connection when so many pieces, either way, have passed from now on, then so many more: the next one is lost. */
  cutAfter(...pieces) {
    this.#plan = pieces
  }

  #passes() {
    if (this.#plan.length === 0) return
    this.#plan[0] -= 1
    if (this.#plan[0] >= 0) return
    this.#plan.shift()
    this.cuts += 1
    this.cut()
  }

  cut() {
    for (const socket of this.#open) socket.destroy()
  }

  async close() {
    this.#server.close()
    this.cut()
  }
}
