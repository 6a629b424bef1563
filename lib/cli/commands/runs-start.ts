/** `runs start`. */
import type { OnConflict } from '../../client/starting.js'
import { isObject } from '../../is-object.js'
import { nearest } from '../../options/nearest.js'
import type { Call, Run } from '../command.js'
import { printResult } from '../ending.js'
import { usage } from '../exit.js'
import { jsonOf } from '../json-input.js'
import { loadFlows } from '../modules.js'
import { showOne } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed, io } = call
    const [blueprint = ''] = parsed.args
    const flows = await loadFlows(servers.settings.blueprints)
    if (!Object.hasOwn(flows, blueprint)) throw unknown(blueprint, Object.keys(flows))
    const client = servers.client(flows)
    const { runId, outcome } = await client.start(blueprint, await optionsOf(call))
    if (outcome !== 'new')
      io.note(outcome === 'existing' ? 'It was there, and goes on as it is.' : 'It had ended, and begins anew.')
    if (parsed.has('wait')) return printResult(call, client, runId)
    await showOne(io, formatOf(parsed), { runId, outcome }, () => [runId])
    return undefined
  })

async function optionsOf({ parsed }: Call) {
  const context = await jsonOf(parsed, 'context')
  if (context !== undefined && (!isObject(context) || Array.isArray(context))) throw usage('--context is a JSON object')
  const [runId, version, startAt] = [parsed.text('run-id'), parsed.text('version-of'), parsed.moment('start-at')]
  return {
    ...(context !== undefined && { context: context as Record<string, unknown> }),
    ...(runId !== undefined && { runId }),
    ...(version !== undefined && { version }),
    ...(startAt && { startAt }),
    onConflict: (parsed.text('on-conflict') ?? 'reject') as OnConflict,
  }
}

function unknown(blueprint: string, there: string[]): Error {
  if (there.length === 0) {
    return usage(
      'To start a run its blueprint has to be known here',
      'name a module that exports it: --blueprints ./flows.js, or "blueprints" in .flowcraft.json',
    )
  }
  const meant = nearest(blueprint, there)
  return usage(
    `The module exports no blueprint '${blueprint}'`,
    meant ? `did you mean '${meant}'?` : `it exports: ${there.join(', ')}`,
  )
}
