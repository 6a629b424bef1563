/** OpenTelemetry's API, where the user has it: an optional peer, loaded only for those who ask for it. */
import { createRequire } from 'node:module'
import { mistake } from '../errors.js'

export type Api = typeof import('@opentelemetry/api')

/** Under which name spans and metrics come. */
export const SCOPE = '@flowcraft/rabbitmq-adapter'

/**
 * The API. What is registered there is the process's: spans and metrics go to whatever SDK the user has started.
 *
 * @throws TypeError when the package is not installed.
 */
export function openTelemetry(option: string): Api {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as Api
  } catch (cause) {
    const message = `The option ${option} needs the package @opentelemetry/api: npm install @opentelemetry/api`
    throw Object.assign(mistake('INVALID_OPTION', message, { option }), { cause })
  }
}
