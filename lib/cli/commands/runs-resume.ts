/** `runs resume`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'
import { jsonOf } from '../json-input.js'

export const run: Run = async (call) => {
  const { parsed } = call
  const [action, nodeId, output] = [parsed.text('action'), parsed.text('node'), await jsonOf(parsed, 'data')]
  const options = {
    ...(action !== undefined && { action }),
    ...(nodeId !== undefined && { nodeId }),
    ...(output !== undefined && { output }),
  }
  return actOnRuns(call, {
    verb: 'Resume',
    done: 'resumed',
    statuses: ['awaiting'],
    needs: ['amqp', 'database'],
    isFinal: false,
    act: async (run) => `goes on at ${[...(await run.resume(options))].join(', ')}`,
  })
}
