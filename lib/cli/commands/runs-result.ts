/** `runs result`. */
import type { Run } from '../command.js'
import { printResult } from '../ending.js'
import { Servers } from '../servers.js'

export const run: Run = (call) =>
  Servers.use(call, ['database'], (servers) => printResult(call, servers.client(), call.parsed.args[0] ?? ''))
