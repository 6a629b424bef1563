/** `runs cancel`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'

export const run: Run = (call) =>
  actOnRuns(call, {
    verb: 'Cancel',
    done: 'cancelled',
    statuses: ['running', 'awaiting'],
    needs: ['amqp', 'database'],
    isFinal: true,
    act: async (run) => {
      const wentOn = await run.cancel(call.parsed.text('reason') ?? 'Cancelled')
      return wentOn ? undefined : 'it was over already, and stays as it is'
    },
  })
