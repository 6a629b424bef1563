/** `runs pause`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'

export const run: Run = (call) =>
  actOnRuns(call, {
    verb: 'Pause',
    done: 'paused',
    statuses: ['running', 'awaiting'],
    needs: ['database'],
    isFinal: false,
    act: async (run) => ((await run.pause(call.parsed.text('reason'))) ? undefined : 'it was paused already'),
  })
