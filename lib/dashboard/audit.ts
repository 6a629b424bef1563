/** Who did what, and when: a line of the log, and the user's own record. */
import type { Board } from './board.js'
import type { DashboardAction, DashboardUser } from './options.js'

/** How much of what an action was done to a line shows, in characters. */
const LONGEST = 300

/** Records an action that was done or refused. */
export function record({ logger, settings }: Board, action: DashboardAction): void {
  const { user = 'somebody', target, refused } = action
  const shown = JSON.stringify(target)
  const what = shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown
  const line = `[Dashboard] ${user}: ${action.action} ${what}`
  if (refused === undefined) logger.info(`${line} done`)
  else logger.warn(`${line} refused: ${refused}`)
  try {
    settings.onAction?.(action)
  } catch (error) {
    logger.error(`[Dashboard] onAction failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** An action, as it is recorded. */
export function actionOf(
  action: string,
  { name }: DashboardUser,
  target: Record<string, unknown>,
  refused?: string,
): DashboardAction {
  return {
    action,
    ...(name !== undefined && { user: name }),
    at: new Date(),
    target,
    ...(refused !== undefined && { refused }),
  }
}
