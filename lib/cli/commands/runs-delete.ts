/** `runs delete`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'

export const run: Run = (call) =>
  actOnRuns(call, {
    verb: 'Remove for good',
    done: 'removed',
    statuses: ['completed', 'failed', 'cancelled'],
    needs: ['database'],
    isFinal: true,
    act: async (run) => {
      await run.delete()
      return undefined
    },
  })
