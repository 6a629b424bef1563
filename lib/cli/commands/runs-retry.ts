/** `runs retry`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'

export const run: Run = (call) =>
  actOnRuns(call, {
    verb: 'Retry',
    done: 'retried',
    statuses: ['failed'],
    needs: ['amqp', 'database'],
    isFinal: false,
    act: async (run) => `goes on at ${[...(await run.retry())].join(', ')}`,
  })
