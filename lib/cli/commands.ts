/** Every command there is. */
import type { Command } from './command.js'
import { completionCommand } from './definitions/completion.js'
import { DEAD_COMMANDS } from './definitions/dead.js'
import { FLEET_COMMANDS } from './definitions/fleet.js'
import { MIGRATE_COMMANDS } from './definitions/migrate.js'
import { PAUSING_COMMANDS } from './definitions/pausing.js'
import { RUN_ACTIONS } from './definitions/run-actions.js'
import { RUNS_COMMANDS } from './definitions/runs.js'
import { SCHEDULE_COMMANDS } from './definitions/schedules.js'
import { uiCommand } from './definitions/ui.js'

export const COMMANDS: readonly Command[] = [
  ...FLEET_COMMANDS,
  ...PAUSING_COMMANDS,
  ...RUNS_COMMANDS,
  ...RUN_ACTIONS,
  ...SCHEDULE_COMMANDS,
  ...DEAD_COMMANDS,
  ...MIGRATE_COMMANDS,
  uiCommand,
  completionCommand,
]
