// The version of the adapter that the fleets are of: the present one, or by FLOWCRAFT_DIFFERENTIAL_VERSION=2.0.0 that one. Tests
// promise nothing of 2.0.0, which has its faults and no memory: how many cases it fails says what the cases are worth.
import { register } from 'node:module'
import { version200 } from '../../scripts/version-2-0-0.js'
import { ON_MEMORY, urls } from '../fixtures/which-servers.js'

const WANTED = process.env.FLOWCRAFT_DIFFERENTIAL_VERSION

const present = () => import('@flowcraft/rabbitmq-adapter')

async function old() {
  if (ON_MEMORY) throw new Error('Version 2.0.0 has no memory: set FLOWCRAFT_SERVERS to something else')
  oneCore()
  const { entry } = await version200({ log: console.error })
  return import(entry)
}

/** Nodes and adapter have one core, as an application's have: its package brings a copy, whose errors would be others. */
function oneCore() {
  const from = JSON.stringify(import.meta.url)
  const hook = `export const resolve = (name, context, next) =>
    next(name, name === 'flowcraft' ? { ...context, parentURL: ${from} } : context)`
  register(`data:text/javascript,${encodeURIComponent(hook)}`)
}

/** The module of that version, and the options without which its workers do not begin. */
export async function wantedVersion() {
  if (WANTED !== undefined && WANTED !== '2.0.0') throw new Error(`FLOWCRAFT_DIFFERENTIAL_VERSION: no '${WANTED}'`)
  const { RabbitMqAdapter, RedisCoordinationStore } = await (WANTED ? old() : present())
  const options = WANTED ? { coordinationStore: new RedisCoordinationStore(urls.redis) } : {}
  return { RabbitMqAdapter, options }
}
