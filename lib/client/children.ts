/** Runs that nodes start as their children. */
import type { ChildToStart } from '../execution/child-runs.js'
import { within } from '../operating/spans.js'
import type { ClientHost } from './host.js'
import { runToJson, startRuns } from './starting.js'

/** Starts a child, unless its node has started it before. */
export async function startChild(
  host: Pick<ClientHost, 'engine' | 'answer' | 'values' | 'spans'>,
  { blueprintId, runId, context, tags, version, parent }: ChildToStart,
): Promise<void> {
  await within(host.spans, { what: 'start', blueprintId, runId }, async (traceparent) => {
    const run = runToJson(blueprintId, { context, runId, tags }, { values: host.values, version, traceparent, parent })
    await startRuns(host, [run], 'use-existing')
  })
}
