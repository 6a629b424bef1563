/** `runs unpause`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'

export const run: Run = (call) =>
  actOnRuns(call, {
    verb: 'Unpause',
    done: 'unpaused',
    statuses: ['running', 'awaiting'],
    needs: ['amqp', 'database'],
    isFinal: false,
    act: async (run) => ((await run.unpause()) ? undefined : 'it was not paused'),
  })
