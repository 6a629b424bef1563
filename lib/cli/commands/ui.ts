/** `ui`. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RabbitMqClient } from '../../client/client.js'
import { dashboardHandler } from '../../dashboard/index.js'
import type { Call, Run } from '../command.js'
import { EXIT, usage } from '../exit.js'
import type { Io } from '../io.js'
import { loadFlows } from '../modules.js'
import { Servers } from '../servers.js'

const PORT = 4_600
const LOCAL = /^(localhost|127(\.\d{1,3}){3}|::1)$/

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed, io, signal } = call
    const flows = await loadFlows(servers.settings.blueprints)
    const host = parsed.text('host') ?? '127.0.0.1'
    const token = tokenOf(call, host)
    const basePath = parsed.text('base-path')
    const server = createServer(
      dashboardHandler({
        client: new RabbitMqClient(servers.host(flows)),
        readOnly: parsed.has('read-only'),
        logger: lines(io),
        ...(token !== undefined && { token }),
        ...(basePath !== undefined && { basePath }),
      }),
    )
    server.listen(parsed.number('port', { from: 0, to: 65_535 }) ?? PORT, host)
    try {
      await once(server, 'listening')
    } catch (error) {
      throw usage(
        `The dashboard cannot listen at ${host}: ${(error as Error).message}`,
        'take another --port or --host',
      )
    }
    const { port } = server.address() as AddressInfo
    const shown = host.includes(':') ? `[${host}]` : host
    const query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`
    await io.write(`http://${shown}:${port}${(basePath ?? '').replace(/\/+$/, '')}/${query}\n`)
    io.note('Open this address. Ctrl-C ends the dashboard.', 'dim')
    await ending(signal)
    server.close()
    server.closeAllConnections()
    return EXIT.done
  })

/** The secret that is needed: always where others than this machine may ask. */
function tokenOf({ parsed }: Call, host: string): string | undefined {
  const token = parsed.text('token') ?? process.env.FLOWCRAFT_DASHBOARD_TOKEN
  if (token !== undefined && token !== '') {
    if (token.length >= 16) return token
    throw usage('The token (--token, FLOWCRAFT_DASHBOARD_TOKEN) has 16 characters or more')
  }
  return LOCAL.test(host) ? undefined : randomBytes(24).toString('base64url')
}

/** What the dashboard records goes to standard error. */
function lines(io: Io) {
  return {
    debug: () => {},
    info: (message: string) => io.note(message),
    warn: (message: string) => io.note(message, 'yellow'),
    error: (message: string) => io.note(message, 'red'),
  }
}

function ending(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    process.once('SIGTERM', () => resolve())
  })
}
