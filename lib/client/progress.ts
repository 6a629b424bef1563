/** How far the nodes of a run are that are executed, and which limit those that are not wait for: what the coordination store says. */
import { clearTimeout as clearTimer, setTimeout as setTimer } from 'node:timers'
import { isDeepStrictEqual } from 'node:util'
import { keepText } from '../bridge/exact.js'
import type { Store } from '../bridge/native.js'
import { isEncrypted } from '../bridge/sealing.js'
import type { Values } from '../bridge/values.js'
import { placeOfProgress, type Recorded, readProgress } from '../execution/progress-store.js'
import { goesOn, type LimitWait, type NodeDescription, type NodeProgress, type RunDescription } from './description.js'
import type { ClientHost } from './host.js'
import { limitWaitOf } from './limit-waits.js'

/** Of so many nodes it is looked for. */
const MOST = 500
/** How long the store may take, in milliseconds: what is known of a run without it is more. */
const PATIENCE = 500
/** What is shown of a value that cannot be read here. */
const HIDDEN = '[encrypted]'

/** What the store says of a node. */
interface Said {
  readonly latest: Recorded | undefined
  readonly wait: LimitWait | undefined
}

/** A description with the progress of the nodes that are due and with their waits, as far as the store gives them at once. */
export async function withProgress(host: ClientHost, run: RunDescription): Promise<RunDescription> {
  const { store } = host.beside
  const due = run.nodes.filter(({ state }) => state === 'due').slice(0, MOST)
  if (!store || due.length === 0 || !goesOn(run.status)) return run
  const found = await inTime(host.answer(progressOf(store, run.runId, due)))
  if (!found || found.size === 0) return run
  const nodes = run.nodes.map((node) => {
    const { latest, wait } = found.get(node) ?? {}
    return {
      ...node,
      ...(latest && { progress: shown(latest, { runId: run.runId, path: node.nodeId }, host.values) }),
      ...(wait && { waitsForLimit: wait }),
    }
  })
  return { ...run, nodes }
}

async function progressOf(
  store: Store,
  runId: string,
  due: readonly NodeDescription[],
): Promise<Map<NodeDescription, Said>> {
  const found = new Map<NodeDescription, Said>()
  const look = async (node: NodeDescription) => {
    const place = { runId, path: node.nodeId, execution: node.execution }
    const [{ latest }, wait] = await Promise.all([readProgress(store, place), limitWaitOf(store, runId, node)])
    if (latest || wait) found.set(node, { latest, wait })
  }
  await Promise.all(due.map(look))
  return found
}

function shown(
  { stored, text, at, attempt, worker }: Recorded,
  place: { runId: string; path: string },
  values: Values,
): NodeProgress {
  const progress = { value: readable(stored, place, values), at: new Date(at), attempt, worker }
  // A codec or a serializer may have made another value of it.
  if (text !== undefined && isDeepStrictEqual(progress.value, stored)) keepText(progress, text)
  return progress
}

function readable(stored: unknown, place: { runId: string; path: string }, values: Values): unknown {
  if (!values.encodes && isEncrypted(stored)) return HIDDEN
  try {
    return values.ofStored(stored, placeOfProgress(place))
  } catch {
    return HIDDEN
  }
}

/** What it resolves with in time; nothing where it does not, or rejects. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimer> | undefined
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimer(resolve, PATIENCE, undefined)
  })
  try {
    return await Promise.race([work, patience])
  } catch {
    return undefined
  } finally {
    clearTimer(timer)
  }
}
