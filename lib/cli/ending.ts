/** How a run ended, as a command says it. */
import type { RabbitMqClient } from '../client/client.js'
import { RunFailedError } from '../errors.js'
import type { Call } from './command.js'
import { EXIT } from './exit.js'
import { shownJson, showOne } from './output.js'
import { formatOf, withoutCiphers } from './shown.js'

const STATUS: Record<string, string> = { RUN_FAILED: 'failed', RUN_CANCELLED: 'cancelled', RUN_STALLED: 'stalled' }

/** Waits for a run's end, and prints its context, or why it has none. */
export async function printResult(call: Call, client: RabbitMqClient, runId: string): Promise<number> {
  const { parsed, io, signal } = call
  const timeoutMs = parsed.duration('timeout')
  try {
    const result = await client.run(runId).result({ ...(timeoutMs !== undefined && { timeoutMs }), signal })
    const context = withoutCiphers(result.context)
    await showOne(io, formatOf(parsed), { runId, status: 'completed', context }, () => [shownJson(context, 2)])
    return EXIT.done
  } catch (error) {
    if (!(error instanceof RunFailedError)) throw error
    const { code, reason, nodeErrors = [] } = error
    const status = STATUS[code] ?? 'failed'
    // A table has no place for it.
    if (formatOf(parsed) !== 'table')
      await showOne(io, formatOf(parsed), { runId, status, reason, nodeErrors }, () => [])
    io.note(error.message, 'red')
    io.note(
      `→ flowcraft-rabbitmq runs show ${runId}${status === 'failed' ? `, and once it is mended: runs retry ${runId}` : ''}`,
    )
    return EXIT.notSo
  }
}
