// How what the doctor says is done: addresses are corrected in the part that is wrong, servers started, certificates renewed.
import { once } from 'node:events'
import net from 'node:net'

/** Another address in a URL. */
export function at(url, change) {
  const changed = new URL(url)
  Object.assign(changed, change)
  return changed.href
}

/** Where the servers are that all is well with. */
export function right(world, name) {
  const { amqp, direct, redis } = world.servers.urls
  return { AMQP_URL: amqp, DATABASE_URL: direct, REDIS_URL: redis }[name]
}

/** Parts of a URL as people call them, and as the doctor does. */
const CALLED = { port: 'port', hostname: 'host', password: 'password' }

/** Corrects one part of an address, if that is what the doctor says; all others stay as they are. */
export const correct = (name, part) => (world, finding) => {
  const todo = finding.todo.join('\n')
  for (const word of [name, CALLED[part]]) if (!todo.includes(word)) throw new Error(`no word of ${word}: ${todo}`)
  world.env[name] = at(world.env[name], { [part]: new URL(right(world, name))[part] })
}

/** Sets a variable that was not set, if that is what the doctor says, and to an address of the kind that it shows. */
export const exported =
  (name) =>
  (world, { todo }) => {
    const [, scheme] = todo.join('\n').match(new RegExp(`^export ${name}=([a-z]+:)//`)) ?? []
    if (new URL(right(world, name)).protocol !== scheme) throw new Error(`not as ${name} is set: ${todo}`)
    world.env[name] = right(world, name)
  }

/** Names the server that can do what this one cannot: which is at another port. */
export const name = (what, setting) => (world, finding) => {
  if (!finding.todo.join('\n').includes(what)) throw new Error(`no word of ${what}: ${finding.todo}`)
  world.env[setting] = at(world.env[setting], { port: new URL(right(world, setting)).port })
}

/** A listener until the test ends. */
export async function listener(t, onSocket, port = 0) {
  const sockets = new Set()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return server.address().port
}

/** Passes everything on to a server; `target()` says to which port of this machine. */
export function relay(t, target, port) {
  const passOn = (socket) => {
    const server = net.connect(target(), '127.0.0.1')
    server.on('error', () => socket.destroy())
    socket.pipe(server).pipe(socket)
    socket.on('close', () => server.destroy())
    t.after(() => server.destroy())
  }
  return listener(t, passOn, port)
}

/** A server that is not started, and starts at its port when it is told to. */
export const unstarted = (setting) => ({
  break: async (world) => {
    const reserved = net.createServer().listen(0, '127.0.0.1')
    await once(reserved, 'listening')
    world.port = reserved.address().port
    await new Promise((resolve) => reserved.close(resolve))
    world.env[setting] = at(world.env[setting], { port: world.port })
  },
  mend: async (world, finding) => {
    if (!/^start /.test(finding.todo[0])) throw new Error(finding.todo.join())
    const { port } = new URL(right(world, setting))
    await relay(world.t, () => Number(port), world.port)
  },
})
