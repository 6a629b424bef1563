// What tests of the progress of nodes share: a node that says how far it is, what is seen and kept of that, and a store of a user's own.
import { RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { deferred } from '../../fixtures/deferred.js'
import { urls } from '../../fixtures/shared-servers.js'
import { clientFor } from './clients.js'

export const ENDS = { timeoutMs: 20_000 }
export const store = new RedisCoordinationStore(urls.redis)

/** A worker, and a client that starts the flow's runs. */
export async function scene(t, servers, flow, options = {}, ofClient = {}) {
  await servers.workerFor(t, flow, options)
  return clientFor(t, servers, flow, ofClient)
}

/** A node that says how far it is, and goes on when it is let go. */
export function telling(...said) {
  const letGo = deferred()
  const flow = createFlow('telling').node('work', async ({ dependencies: { job }, signal }) => {
    for (const each of said) job.heartbeat(each)
    signal.addEventListener('abort', letGo.resolve)
    await letGo.promise
    return { output: 'done' }
  })
  return { flow, letGo: letGo.resolve }
}

export const progressOf = async (run, nodeId = 'work') =>
  (await run.describe()).nodes.find((node) => node.nodeId === nodeId)?.progress

/** What the store holds of a node. */
export async function held(run, path = 'work') {
  const keys = [1, 2, 3, 4].map((slot) => `flowcraft:progress:${slot}:${run.runId}:${path}`)
  return (await Promise.all(keys.map((key) => store.get(key)))).filter((text) => text !== undefined)
}

export const isGone = async (run, path) => (await held(run, path)).length === 0

/** A store of a user's own: notes what is done to keys of progress, and may refuse it. */
export function ownStore({ refuses = () => false } = {}) {
  const calls = []
  const methods = ['increment', 'setIfNotExist', 'extendTTL', 'delete', 'get'].map((name) => [
    name,
    async (key, ...more) => {
      const isProgress = key.startsWith('flowcraft:progress:')
      if (isProgress) calls.push(name)
      if (isProgress && refuses()) throw new Error('the store is away')
      return store[name](key, ...more)
    },
  ])
  return { calls, ...Object.fromEntries(methods) }
}
