// A private RabbitMQ node with a private epmd, the Erlang name service. With its own epmd it shares nothing
// with other nodes on the machine, and no epmd outlives it as a daemon.

import { randomBytes } from 'node:crypto'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownFolder } from './account.js'
import { probe } from './probe.js'
import { homeWithoutPlugins } from './rabbitmq-home.js'
import { runTool } from './run-tool.js'
import { ServerProcess } from './server-process.js'

const AMQP_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1')
const METHOD_FRAME = 1
const CONNECTION_START = Buffer.from([0, 10, 0, 10])

const INHERITED = /^(RABBITMQ_|ERL_|RUNNING_UNDER_SYSTEMD$|NOTIFY_SOCKET$|LC_)/
// For every Erlang program: talk to 127.0.0.1 only, and never start an epmd, which would stay as a daemon.
const ERLANG_FLAGS = '-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}'

/**
 * @param {object} context
 * @param {{ rabbitmq: string, epmd: string }} context.programs `rabbitmq` is the folder of rabbitmq-server
 * @param {string} context.folder
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @param {boolean} [context.withManagement] with its management plugin, whose URL is `management` then; takes longer to start
 */
export async function startRabbitmq({ programs, folder, account, cleanup, withManagement = false }) {
  const epmd = await startEpmd({ programs, folder: ownFolder(folder, 'epmd', account), account, cleanup })
  const id = `flowcraft-${randomBytes(6).toString('hex')}`
  const scripts = withManagement ? undefined : homeWithoutPlugins(programs.rabbitmq, folder)
  const env = nodeEnvironment({ id, epmdPort: epmd.ports[0], scripts, folder, account })

  const server = new ServerProcess(
    {
      name: 'RabbitMQ',
      folder,
      portCount: withManagement ? 3 : 2,
      endSignal: 'SIGKILL',
      command: ([port, distributionPort, managementPort]) => {
        if (withManagement) enableManagement(env, managementPort)
        return {
          file: join(programs.rabbitmq, 'rabbitmq-server'),
          args: [],
          env: { ...env, RABBITMQ_NODE_PORT: String(port), RABBITMQ_DIST_PORT: String(distributionPort) },
        }
      },
      isReady: ({ ports: [port] }) =>
        probe({ port, question: AMQP_HEADER, accept: (answer) => isConnectionStart(answer, id) }),
    },
    { account, cleanup },
  )
  await server.startOnFreePorts()

  return {
    server,
    url: `amqp://guest:guest@127.0.0.1:${server.ports[0]}`,
    ...(withManagement && { management: `http://guest:guest@127.0.0.1:${server.ports[2]}` }),
    /** Runs rabbitmqctl against this node and returns what it printed. */
    ctl(...args) {
      return runTool(join(programs.rabbitmq, 'rabbitmqctl'), args, { cwd: folder, env, account, cleanup })
    },
  }
}

function enableManagement({ RABBITMQ_CONFIG_FILE, RABBITMQ_ENABLED_PLUGINS_FILE }, port) {
  writeFileSync(RABBITMQ_ENABLED_PLUGINS_FILE, '[rabbitmq_management].\n')
  writeFileSync(RABBITMQ_CONFIG_FILE, `management.tcp.port = ${port}\nmanagement.tcp.ip = 127.0.0.1\n`)
}

async function startEpmd({ programs, folder, account, cleanup }) {
  const epmd = new ServerProcess(
    {
      name: 'epmd, which RabbitMQ needs,',
      folder,
      portCount: 1,
      endSignal: 'SIGKILL',
      command: ([port]) => ({
        file: programs.epmd,
        args: ['-d', '-d', '-port', String(port), '-address', '127.0.0.1'],
        env: cleanEnvironment(),
      }),
      // Every epmd answers alike, and one that finds its port taken ends without an error. Its log tells.
      isReady: async ({ log }) => log().includes('entering the main select() loop'),
    },
    { account, cleanup },
  )
  await epmd.startOnFreePorts()
  return epmd
}

/** Every path and name that RabbitMQ would otherwise take from the machine's own installation. */
function nodeEnvironment({ id, epmdPort, scripts, folder, account }) {
  const file = (name, content) => {
    const path = join(folder, name)
    writeFileSync(path, content)
    if (account) chownSync(path, account.uid, account.gid)
    return path
  }
  return {
    ...cleanEnvironment(),
    HOME: folder, // the Erlang cookie is kept there
    LANG: 'C.UTF-8',
    ERL_FLAGS: ERLANG_FLAGS,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ...(scripts && { RABBITMQ_SCRIPTS_DIR: scripts }),
    RABBITMQ_NODENAME: `${id}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', ''),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config', '[].\n'),
    RABBITMQ_CONF_ENV_FILE: file('rabbitmq-env.conf', ''),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', '[].\n'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'config'),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_LOGS: '-', // standard output, which is our log file
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    // Lets the start script become the node instead of waiting for it: the process we know is the node.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
}

function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !INHERITED.test(name)))
}

/** Only a node that is ready to serve greets a client, and its greeting carries its name. */
function isConnectionStart(answer, id) {
  const isStart = answer[0] === METHOD_FRAME && answer.subarray(7, 11).equals(CONNECTION_START)
  return isStart && answer.includes(id)
}
