/** RabbitMQ: whether it is reached, what this user may do, and how the queues are declared. */

import { withinTime } from '../../bridge/deadline.js'
import { fromJson } from '../../bridge/json.js'
import { codeOf } from '../failures.js'
import type { Servers } from '../servers.js'
import { type Address, addressOf, whyDeaf } from './address.js'
import { certificateFault } from './certificate.js'
import { type Finding, fault, note, ok } from './finding.js'
import { type Greeting, greetingOf } from './greeting.js'
import { judgeVersion } from './version.js'

/** As the engine says it. */
export interface Examination {
  user: string
  vhost: string
  isBlocked: boolean
  publishing: string | null
  queues: ExaminedQueue[]
}

export interface ExaminedQueue {
  name: string
  messages: number | null
  consumers: number | null
  consuming: string | null
  declaring: string | null
  differs: string | null
}

/** Longer than every part of it may take. */
const PATIENCE = 20_000

export interface RabbitMqReport {
  findings: Finding[]
  /** Absent where it was not reached. */
  examination?: Examination
}

export async function lookAtRabbitMq(servers: Servers): Promise<RabbitMqReport> {
  const { amqp, from } = servers.settings
  // An address that is none is a mistake in the line, not a fault of a server.
  const broker = servers.broker()
  const address = addressOf(amqp)
  const ca = typeof amqp === 'object' && !Array.isArray(amqp) ? (amqp.ca as string | undefined) : undefined
  const greeting = await firstGreeting(amqp, ca)
  const version = greeting
    ? [judgeVersion('rabbitmq.version', 'RabbitMQ', greeting.version, clusterOf(greeting.cluster))]
    : []
  try {
    const names = servers.queues.flatMap((queue) => [queue, `${queue}.dead`])
    const asked = withinTime(broker.examine(names), PATIENCE, 'RabbitMQ does not answer any more')
    const examination = fromJson((await asked) ?? 'null') as Examination
    return { findings: [...version, ...judgeRights(examination), ...judgeQueues(examination)], examination }
  } catch (error) {
    return {
      findings: [...version, await whyNot(error as Error, address, { setting: [amqp].flat()[0], from: from.amqp })],
    }
  }
}

/** The greeting of the first node of a cluster that gives one. */
async function firstGreeting(amqp: unknown, ca: string | undefined): Promise<Greeting | undefined> {
  for (const node of [amqp].flat()) {
    const address = addressOf(node)
    const greeting = address && (await greetingOf(address, ca))
    if (greeting) return greeting
  }
  return undefined
}

function clusterOf(cluster: string | undefined): string {
  return cluster === undefined ? '' : `, cluster ${cluster}`
}

/** Why it is not reached, and what to do. */
async function whyNot(
  error: Error,
  address: Address | undefined,
  { setting, from = 'AMQP_URL' }: { setting: unknown; from: string | undefined },
): Promise<Finding> {
  const user = address?.user ?? 'guest'
  if (codeOf(error) === 'BROKER_REFUSED') {
    return fault(
      'rabbitmq.login',
      error.message,
      `correct user, password and virtual host in ${from}; rabbitmqctl authenticate_user '${user}' asks the password, rabbitmqctl list_vhosts lists the hosts`,
      `rabbitmqctl change_password '${user}' '…' sets the password; rabbitmqctl add_vhost '…' and rabbitmqctl set_permissions -p '…' '${user}' '.*' '.*' '.*' give access to a virtual host`,
      ...(user === 'guest' ? ["the user 'guest' may log in from the broker's own host only: take another user"] : []),
    )
  }
  const deaf = address && (await whyDeaf(address))
  if (deaf) {
    return fault(
      'rabbitmq.reach',
      `RabbitMQ cannot be reached: ${deaf}`,
      `start RabbitMQ, or correct host and port in ${from} (5672 is usual, with TLS 5671)`,
    )
  }
  const otherwise = address && (await greetingOf({ ...address, isEncrypted: !address.isEncrypted }))
  if (otherwise) {
    const [is, write] = address.isEncrypted ? ['speaks without TLS', 'amqp://'] : ['speaks with TLS only', 'amqps://']
    return fault(
      'rabbitmq.tls',
      `RabbitMQ at ${address.host}:${address.port} ${is}`,
      `write ${write} in ${from}, or take the port that speaks as it says (5672 is usual, with TLS 5671)`,
    )
  }
  const certificate = address?.isEncrypted && (await certificateFault(address, { setting, from }))
  if (certificate) return fault('rabbitmq.tls', certificate.found, certificate.todo)
  const tls = address?.isEncrypted ? ['with a certificate of your own authority: NODE_EXTRA_CA_CERTS=ca.pem'] : []
  return fault('rabbitmq.reach', error.message, `check host, port and protocol in ${from}`, ...tls)
}

/** What this user may do. */
export function judgeRights({ user, vhost, isBlocked, publishing, queues }: Examination): Finding[] {
  const refused = [
    ...(publishing === null ? [] : [`publish (${publishing})`]),
    ...queues.flatMap(({ name, consuming, declaring }) => [
      ...(consuming === null ? [] : [`consume '${name}' (${consuming})`]),
      ...(declaring === null ? [] : [`declare queues beside '${name}' (${declaring})`]),
    ]),
  ]
  const rights =
    refused.length === 0
      ? ok('rabbitmq.rights', `the user '${user}' may publish, consume and declare in the virtual host '${vhost}'`)
      : fault(
          'rabbitmq.rights',
          `the user '${user}' may not ${refused.join('; may not ')}`,
          `rabbitmqctl set_permissions -p '${vhost}' '${user}' '.*' '.*' '.*'`,
        )
  if (!isBlocked) return [rights]
  const blocked = fault(
    'rabbitmq.alarm',
    'RabbitMQ lets nobody publish: it is short of memory or disk. Work waits, nothing is lost',
    'rabbitmqctl list_alarms says which; free memory or disk, or raise vm_memory_high_watermark or disk_free_limit',
  )
  return [rights, blocked]
}

/** How the queues are declared. What waits in them is judged elsewhere. */
export function judgeQueues({ queues, vhost }: Examination): Finding[] {
  return queues.flatMap(({ name, messages, differs }) => {
    // Dead letters have no queue before there are any.
    if (messages === null) return name.endsWith('.dead') ? [] : [missing(name, vhost)]
    if (differs === null) return [ok('queue.arguments', `the queue '${name}' is as the workers declare it`)]
    return [
      note(
        'queue.arguments',
        `the queue '${name}' is not as the workers declare it: ${differs}`,
        'if that is not meant: stop clients, let the workers empty it, stop them, then delete it; whoever starts first declares it anew',
        `rabbitmqctl delete_queue -p '${vhost}' '${name}' --if-empty`,
      ),
    ]
  })
}

function missing(name: string, vhost: string): Finding {
  return note(
    'queue.arguments',
    `there is no queue '${name}' in the virtual host '${vhost}'`,
    'the first worker or client that is started declares it; if they are running, --queue names another queue than theirs',
  )
}
