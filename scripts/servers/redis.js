// A private Redis server that writes nothing to disk: it is empty after a restart.

import { probe } from './probe.js'
import { ServerProcess } from './server-process.js'

/**
 * @param {object} context
 * @param {{ redis: string }} context.programs
 * @param {string} context.folder
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @param {object} [kind] what it is, if not a server by itself
 * @param {number} [kind.portCount] 1 unless told
 * @param {string} [kind.config] a file it reads, and may write to
 * @param {(ports: number[]) => string[]} [kind.options] on the command line, after the usual ones
 */
export async function startRedis(
  { programs, folder, account, cleanup },
  { portCount = 1, config, options = () => [] } = {},
) {
  const server = new ServerProcess(
    {
      name: 'Redis',
      folder,
      portCount,
      endSignal: 'SIGKILL',
      command: ([port, ...others]) => ({
        file: programs.redis,
        args: [
          ...(config ? [config] : []),
          ...['--port', port, '--bind', '127.0.0.1', '--dir', folder],
          ...['--save', '', '--appendonly', 'no', '--daemonize', 'no'],
          ...options([port, ...others]),
        ].map(String),
        env: process.env,
      }),
      isReady: ({ pid, ports: [port] }) =>
        probe({
          port,
          question: 'INFO server\r\n',
          accept: (answer) => answer.includes(`\r\nprocess_id:${pid}\r\n`),
        }),
    },
    { account, cleanup },
  )
  await server.startOnFreePorts()
  return { server, url: `redis://127.0.0.1:${server.ports[0]}` }
}
