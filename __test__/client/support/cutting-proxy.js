// Stands before a server and cuts every connection whenever a test says so.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class CuttingProxy {
  #open = new Set()
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
      client.pipe(server).pipe(client)
    })
  }

  cut() {
    for (const socket of this.#open) socket.destroy()
  }

  async close() {
    this.#server.close()
    this.cut()
  }
}
