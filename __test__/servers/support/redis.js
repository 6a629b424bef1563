// A Redis Cluster, and a master with a replica under a Sentinel.
import { chownSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startRedis } from '../../../scripts/servers/redis.js'
import { runTool } from '../../../scripts/servers/run-tool.js'

/** Three masters, and a replica of the first. `node-timeout` is a second: so soon a master counts as gone. */
export async function startCluster(place) {
  const options = ([, bus]) => [
    ...['--cluster-enabled', 'yes', '--cluster-port', bus, '--cluster-node-timeout', '1000'],
    ...['--cluster-config-file', 'nodes.conf'],
  ]
  const start = (name) => startRedis(place.context('redis', name), { portCount: 2, options })
  const nodes = await Promise.all(['master-1', 'master-2', 'master-3', 'replica'].map(start))
  const [first, ...others] = nodes.map(address)
  const replica = others.pop()
  const cli = redisCli(place)
  await cli('--cluster', 'create', first, ...others, '--cluster-yes')
  await agreed(cli, [first, ...others])
  await cli('--cluster', 'add-node', replica, first, '--cluster-slave', '--cluster-master-id', await id(cli, first))
  await settled(async () => /role:slave.*master_link_status:up/s.test(await at(cli, replica, 'info', 'replication')))
  return { masters: nodes.slice(0, 3), replica: nodes[3] }
}

/** One Sentinel, who needs nobody's vote, a master and its replica. */
export async function startSentinel(place, { name }) {
  const master = await startRedis(place.context('redis', 'master'))
  const replicaOf = () => ['--replicaof', '127.0.0.1', master.server.ports[0]]
  const replica = await startRedis(place.context('redis', 'replica'), { options: replicaOf })
  const cli = redisCli(place)
  await settled(async () => /master_link_status:up/.test(await at(cli, address(replica), 'info', 'replication')))

  const context = place.context('redis', 'sentinel')
  const config = join(context.folder, 'sentinel.conf')
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${master.server.ports[0]} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 2000`,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  if (context.account) chownSync(config, context.account.uid, context.account.gid)
  const sentinel = await startRedis(context, { config, options: () => ['--sentinel'] })
  // How often it asks its servers who they are, and tells what it knows. Before Redis 7 it keeps to its own periods, of
  // ten seconds and two.
  await at(cli, address(sentinel), 'sentinel', 'debug', 'info-period', 500, 'publish-period', 200)
  const replicas = () => at(cli, address(sentinel), 'sentinel', 'replicas', name)
  await settled(async () => (await replicas()).includes(String(replica.server.ports[0])))
  return { sentinel, master, replica }
}

function redisCli(place) {
  const { programs, folder, account, cleanup } = place.context('redis', 'tools')
  const file = join(dirname(programs.redis), 'redis-cli')
  return (...args) => runTool(file, args.map(String), { cwd: folder, env: process.env, account, cleanup })
}

/** Asks one server. */
function at(cli, server, ...command) {
  const [host, port] = server.split(':')
  return cli('-h', host, '-p', port, ...command)
}

const address = ({ server }) => `127.0.0.1:${server.ports[0]}`
const id = async (cli, server) => (await at(cli, server, 'cluster', 'myid')).trim()

/** Waits until every node says that the Cluster is complete. */
function agreed(cli, servers) {
  return settled(async () => {
    const states = await Promise.all(servers.map((server) => at(cli, server, 'cluster', 'info')))
    return states.every((state) => state.includes('cluster_state:ok'))
  })
}

async function settled(condition) {
  for (const deadline = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error('The servers did not find each other within 30 seconds')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
