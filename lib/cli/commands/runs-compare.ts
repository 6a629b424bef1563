/** `runs compare`. */
import { fromJson } from '../../bridge/json.js'
import { ContextTable } from '../../bridge/native.js'
import { comparedNodes, comparedRun, keyDifferences } from '../../client/differences.js'
import type { Run } from '../command.js'
import { type Comparison, linesOfComparison } from '../comparison.js'
import { usage } from '../exit.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [runId = '', otherId] = parsed.args
    const ids = otherId === undefined ? ([await originOf(servers, runId), runId] as const) : ([runId, otherId] as const)
    const comparison = await compared(servers, ids)
    await showOne(io, formatOf(parsed), plain(comparison), () => linesOfComparison(io, comparison, parsed.has('all')))
    return undefined
  })

/** For programs: the values themselves, and not their texts. */
function plain({ context, ...rest }: Comparison) {
  const differences = context.differences.map(({ one, other, ...difference }) => ({
    ...difference,
    ...(one !== undefined && { one: fromJson(one) }),
    ...(other !== undefined && { other: fromJson(other) }),
  }))
  return { ...rest, context: { ...context, differences } }
}

/** The run that a run was run again from. */
async function originOf(servers: Servers, runId: string): Promise<string> {
  const origin = await servers.client().run(runId).origin()
  if (!origin) throw usage(`Run '${runId}' was not run again from another`, 'runs compare <run-id> <other-run-id>')
  return origin.runId
}

async function compared(servers: Servers, [runId, otherId]: readonly [string, string]): Promise<Comparison> {
  const table = new ContextTable(servers.database(), servers.settings.contexts)
  const { values } = servers.host()
  const shown = async (id: string) => values.shownContext(await table.toJSON(id), id)
  const client = servers.client()
  const [one, other] = await Promise.all([client.run(runId).describe(), client.run(otherId).describe()])
  const [context, otherContext] = await Promise.all([shown(runId), shown(otherId)])
  return {
    one: comparedRun(one),
    other: comparedRun(other),
    nodes: comparedNodes(one, other),
    context: keyDifferences(context, otherContext),
  }
}
