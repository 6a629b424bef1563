/** What the commands that start a run have in common: its context, and what they say of it. */
import type { RabbitMqClient } from '../client/client.js'
import type { RunHandle } from '../client/handle.js'
import { isObject } from '../is-object.js'
import type { Call } from './command.js'
import { printResult } from './ending.js'
import { usage } from './exit.js'
import { jsonOf } from './json-input.js'
import { showOne } from './output.js'
import type { Parsed } from './parsed.js'
import { formatOf } from './shown.js'

/** The keys of a context, where they are given. */
export async function contextOf(parsed: Parsed): Promise<Record<string, unknown> | undefined> {
  const context = await jsonOf(parsed, 'context')
  if (context === undefined || (isObject(context) && !Array.isArray(context))) return context
  throw usage('--context is a JSON object')
}

/** Says what became of a start, and waits for the run's end if that is asked for. */
export async function showStarted(
  call: Call,
  client: RabbitMqClient,
  { runId, outcome }: RunHandle,
): Promise<number | undefined> {
  const { parsed, io } = call
  if (outcome !== 'new')
    io.note(outcome === 'existing' ? 'It was there, and goes on as it is.' : 'It had ended, and begins anew.')
  if (parsed.has('wait')) return printResult(call, client, runId)
  await showOne(io, formatOf(parsed), { runId, outcome }, () => [runId])
  return undefined
}
