/** Redis: whether it is reached, may be written to, and keeps what it is given. */

import { withinTime } from '../../bridge/deadline.js'
import { fromJson } from '../../bridge/json.js'
import type { Store } from '../../bridge/native.js'
import { codeOf } from '../failures.js'
import type { Servers } from '../servers.js'
import { type Address, addressOf, firstLineOf, whyDeaf } from './address.js'
import { certificateFault } from './certificate.js'
import { type Finding, fault, note, ok } from './finding.js'
import { judgeVersion } from './version.js'

const PROBE = 'flowcraft:doctor'
const FOR_A_SECOND = 1
const PING = 'PING\r\n'
/** How long it may take to connect and to answer, in milliseconds. */
const PATIENCE = 5_000

export async function lookAtRedis(servers: Servers): Promise<Finding[]> {
  const { redis, from } = servers.settings
  if (redis === undefined) {
    return [
      note(
        'redis.reach',
        'the address of Redis is not set: nothing was looked at there, and only workers that PostgreSQL knows are seen',
        'export REDIS_URL=redis://…',
      ),
    ]
  }
  const store = servers.store()
  const address = addressOf(redis)
  try {
    await withinTime(store.ask(['PING']), PATIENCE, `Redis does not answer within ${PATIENCE / 1_000} s`)
  } catch (error) {
    return [await whyNot(error as Error, address, { setting: redis, from: from.redis })]
  }
  const info = await infoOf(store)
  return [
    judgeVersion('redis.version', 'Redis', info.get('redis_version'), alsoOf(info)),
    await writes(store, info.get('role') === 'slave', from.redis),
    ...judgeMemory(info.get('maxmemory'), info.get('maxmemory_policy')),
  ]
}

function alsoOf(info: ReadonlyMap<string, string>): string {
  const valkey = info.get('valkey_version')
  return `${valkey ? ` (Valkey ${valkey})` : ''}, mode ${info.get('redis_mode') ?? 'unknown'}, ${info.get('role') ?? 'unknown role'}`
}

/** What INFO says; nothing where the user may not ask. */
async function infoOf(store: Store): Promise<Map<string, string>> {
  try {
    const text = JSON.stringify(fromJson((await store.ask(['INFO'])) ?? '""'))
    const lines = text.split(/\\r\\n|\\n|"/).filter((line) => /^[a-z0-9_]+:/.test(line))
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
  } catch {
    return new Map()
  }
}

async function whyNot(
  error: Error,
  address: Address | undefined,
  { setting, from = 'REDIS_URL' }: { setting: unknown; from: string | undefined },
): Promise<Finding> {
  const deaf = address && (await whyDeaf(address))
  if (deaf)
    return fault(
      'redis.reach',
      `Redis cannot be reached: ${deaf}`,
      `start Redis, or correct host and port in ${from} (6379 is usual)`,
    )
  const wantsLogin = address && !address.isEncrypted && (await errorCodeOf(address)) === 'NOAUTH'
  if (codeOf(error) === 'REDIS_REFUSED' || wantsLogin) {
    return fault(
      'redis.login',
      error.message,
      `correct user and password in ${from}: redis://user:pass@host, without a user redis://:pass@host`,
      "redis-cli ACL SETUSER <user> on '>password' '~*' '+@all' makes a user that may do all that is needed",
    )
  }
  if (address?.isEncrypted && /^[+-]/.test((await firstLineOf(address, PING)) ?? '')) {
    return fault(
      'redis.tls',
      `Redis at ${address.host}:${address.port} speaks without TLS`,
      `write redis:// in place of rediss:// in ${from}`,
    )
  }
  const certificate = address?.isEncrypted && (await certificateFault(address, { setting, from }))
  if (certificate) return fault('redis.tls', certificate.found, certificate.todo)
  const tls = address?.isEncrypted
    ? 'if its certificate is of an authority of your own: NODE_EXTRA_CA_CERTS=ca.pem'
    : 'if Redis has TLS there: rediss:// in place of redis://'
  return fault(
    address?.isEncrypted ? 'redis.tls' : 'redis.reach',
    error.message,
    tls,
    `check host, port and database in ${from}`,
  )
}

/** The code of the error with which Redis answers whoever does not log in; undefined where it answers. */
async function errorCodeOf(address: Address): Promise<string | undefined> {
  return (await firstLineOf(address, PING))?.match(/^-([A-Z]+) /)?.[1]
}

/** What a user of Redis has to be allowed. */
const RIGHTS = [
  'let the user write, run scripts and ask for what doctor asks for:',
  "redis-cli ACL SETUSER <user> '+@read' '+@write' '+@scripting' '+@connection' '+info' '+time'",
  'and, where it may not see every key:',
  "redis-cli ACL SETUSER <user> '~flowcraft:*'",
]

/** Writes a key that is gone in a second, with a script, as leases are. */
async function writes(store: Store, isReplica: boolean, from = 'REDIS_URL'): Promise<Finding> {
  if (isReplica) {
    const todo = `name the master in ${from}, or the Sentinels that know it; redis-cli ROLE says where it is`
    return fault('redis.writes', 'this Redis is a replica, which accepts no writes', todo)
  }
  try {
    await store.increment(PROBE, FOR_A_SECOND)
    return ok('redis.writes', 'Redis takes what is written, and runs scripts')
  } catch (error) {
    const { message } = error as Error
    if (codeOf(error) === 'REDIS_REFUSED') return fault('redis.rights', message, ...RIGHTS)
    return fault(
      'redis.writes',
      message,
      'redis-cli INFO memory and redis-cli INFO persistence say why it takes no writes',
    )
  }
}

/** What happens when its memory is full. */
export function judgeMemory(maxmemory = '0', policy = 'noeviction'): Finding[] {
  if (maxmemory === '0' || policy === 'noeviction') return [ok('redis.eviction', 'Redis evicts no lease')]
  return [
    note(
      'redis.eviction',
      `Redis may evict leases when its memory is full (maxmemory-policy ${policy}): a node may then be executed twice at a time, and counts once`,
      'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; or a Redis of its own',
    ),
  ]
}
