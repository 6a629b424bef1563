/** `dead purge`. */
import type { Run } from '../command.js'
import { take } from '../dead.js'

export const run: Run = (call) => take(call, 'discard')
