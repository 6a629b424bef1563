/** `runs start`. */
import type { OnConflict } from '../../client/starting.js'
import { nearest } from '../../options/nearest.js'
import type { Call, Run } from '../command.js'
import { usage } from '../exit.js'
import { loadFlows } from '../modules.js'
import { Servers } from '../servers.js'
import { contextOf, showStarted } from '../started.js'

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed } = call
    const [blueprint = ''] = parsed.args
    const flows = await loadFlows(servers.settings.blueprints)
    if (!Object.hasOwn(flows, blueprint)) throw unknown(blueprint, Object.keys(flows))
    const client = servers.client(flows)
    return showStarted(call, client, await client.start(blueprint, await optionsOf(call)))
  })

async function optionsOf({ parsed }: Call) {
  const context = await contextOf(parsed)
  const [runId, version, startAt] = [parsed.text('run-id'), parsed.text('version-of'), parsed.moment('start-at')]
  const tags = parsed.texts('tag')
  const [timeoutMs, priority] = [parsed.duration('time-limit'), parsed.number('priority', { from: 0, to: 255 })]
  const concurrency = parsed.number('concurrency', { from: 1, to: 100_000 })
  return {
    ...(tags.length > 0 && { tags }),
    ...(context !== undefined && { context }),
    ...(runId !== undefined && { runId }),
    ...(version !== undefined && { version }),
    ...(startAt && { startAt }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(priority !== undefined && { priority }),
    ...(concurrency !== undefined && { concurrency }),
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
