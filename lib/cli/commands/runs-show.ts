/** `runs show`. */

import { fromJson } from '../../bridge/json.js'
import { ContextTable } from '../../bridge/native.js'
import type { Run } from '../command.js'
import { loadFlows } from '../modules.js'
import { shownJson, showOne } from '../output.js'
import { linesOfErrors } from '../run-errors.js'
import { linesOfRun } from '../run-view.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], async (servers) => {
    const { parsed, io } = call
    const [runId = ''] = parsed.args
    const { blueprints, contexts } = servers.settings
    const run = servers.client().run(runId)
    const [flows, description, origin] = [await loadFlows(blueprints), await run.describe(), await run.origin()]
    const context = parsed.has('with-context')
      ? shownContext(servers, runId, await new ContextTable(servers.database(), contexts).toJSON(runId))
      : undefined
    const value = { ...description, ...(origin && { origin }), ...(context !== undefined && { context }) }
    const lines = () => [
      ...linesOfRun(io, description, flows, origin),
      ...(parsed.has('errors') ? linesOfErrors(io, description) : []),
      ...(context === undefined ? [] : ['', io.paint('dim', 'context'), shownJson(context, 2)]),
    ]
    await showOne(io, formatOf(parsed), value, lines)
    const isKnown = description.blueprintId !== undefined && Object.hasOwn(flows, description.blueprintId)
    if (!isKnown && formatOf(parsed) === 'table') {
      io.note('For the whole graph name a module that exports the blueprint: --blueprints ./flows.js', 'dim')
    }
    return undefined
  })

function shownContext(servers: Servers, runId: string, json: string): unknown {
  return fromJson(servers.host().values.shownContext(json, runId))
}
