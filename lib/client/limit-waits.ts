/** What nodes wait for in the line of a limit, as workers note it in the coordination store. */
import type { Store } from '../bridge/native.js'
import { isObject } from '../is-object.js'
import type { LimitWait, NodeDescription } from './description.js'

/** What a node waits for, if it waits for a limit. The key and what it holds are those of `src/worker/job/limit_note.rs`. */
export async function limitWaitOf(
  store: Store,
  runId: string,
  { nodeId, execution }: NodeDescription,
): Promise<LimitWait | undefined> {
  const text = await store.get(`flowcraft:limitwait:${runId}:${execution}:${nodeId}`)
  const told: unknown = text === null ? undefined : JSON.parse(text)
  if (!isObject(told)) return undefined
  const { limit, key, why, since, until } = told as Omit<LimitWait, 'since' | 'until'> & {
    since: number
    until: number
  }
  const named = limit === undefined || key === undefined ? {} : { limit, key }
  return { ...named, why, since: new Date(since), until: new Date(until) }
}
