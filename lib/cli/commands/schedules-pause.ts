/** `schedules pause`. */
import type { Run } from '../command.js'
import { showChanged } from '../schedule-view.js'

export const run: Run = (call) => showChanged(call, (schedules, id) => schedules.pause(id, call.parsed.text('note')))
