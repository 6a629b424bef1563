/** `runs rerun`. */
import type { OnConflict } from '../../client/starting.js'
import type { Call, Run } from '../command.js'
import { usage } from '../exit.js'
import { jsonOf } from '../json-input.js'
import { loadFlows } from '../modules.js'
import { Servers } from '../servers.js'
import { contextOf, showStarted } from '../started.js'

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed } = call
    const [runId = ''] = parsed.args
    const from = parsed.text('from')
    if (from === undefined) throw usage('The node to run again from is not named', '--from <node>')
    const client = servers.client(await loadFlows(servers.settings.blueprints))
    return showStarted(call, client, await client.run(runId).rerunFrom(from, await optionsOf(call)))
  })

async function optionsOf({ parsed }: Call) {
  const [context, input, runId] = [await contextOf(parsed), await jsonOf(parsed, 'input'), parsed.text('run-id')]
  return {
    ...(context !== undefined && { context }),
    ...(input !== undefined && { input }),
    ...(runId !== undefined && { runId }),
    onConflict: (parsed.text('on-conflict') ?? 'reject') as OnConflict,
  }
}
