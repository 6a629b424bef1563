// A database name that can move: a folder's name that leads to a socket, and on from there to the real server. A
// fail-over takes the old address away, with every connection to it, and lets the name lead to a new one.
import { once } from 'node:events'
import { mkdir, rename, rm, symlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const PORT = 5432

export class NamedSocket {
  #folder
  #target
  #addresses = 0
  #address

  /** `folder` is where all this is made; `target` is the URL of the real server. */
  constructor(folder, target) {
    this.#folder = folder
    this.#target = new URL(target)
    /** For `pgClient`. */
    this.config = {
      host: join(folder, 'database'),
      port: PORT,
      user: this.#target.username,
      database: this.#target.pathname.slice(1),
    }
  }

  /** Lets the name lead to an address nobody has used yet. */
  async open() {
    this.#addresses += 1
    const folder = join(this.#folder, `address-${this.#addresses}`)
    await mkdir(folder)
    const clients = new Set()
    const server = createServer((client) => {
      const upstream = connect(Number(this.#target.port), this.#target.hostname)
      clients.add(client)
      client.pipe(upstream).pipe(client)
      for (const side of [client, upstream]) {
        side.on('error', () => {})
        side.on('close', () => {
          clients.delete(client)
          client.destroy()
          upstream.destroy()
        })
      }
    })
    server.listen(join(folder, `.s.PGSQL.${PORT}`))
    await once(server, 'listening')
    this.#address = { folder, server, clients }
    // Renamed into place: the name never leads nowhere by our own doing.
    await symlink(folder, `${this.config.host}.new`)
    await rename(`${this.config.host}.new`, this.config.host)
  }

  /** Takes the present address away. */
  async close() {
    const { folder, server, clients } = this.#address
    const closed = once(server, 'close')
    server.close()
    for (const client of clients) client.destroy()
    await closed
    await rm(folder, { recursive: true, force: true })
  }
}
