/** `migrate up`. */
import type { Run } from '../command.js'
import { migrateSteps } from '../migrating.js'

export const run: Run = (call) => migrateSteps(call, 'up')
