// The client, one for each server process: Next.js loads modules again in development, and connections should not add up.
import { createRabbitMqClient } from '@flowcraft/rabbitmq-adapter'
import { flows } from './flows.js'
import { servers } from './servers.js'

/** What the route handlers start runs with. */
export function runs() {
  globalThis.flowcraftClient ??= createRabbitMqClient({ ...servers(), blueprints: flows })
  return globalThis.flowcraftClient
}

/** Answers with what `call` answers, or with a status that says what was wrong. */
export async function answer(call, status = 200) {
  try {
    return Response.json(await call(), { status })
  } catch (error) {
    const known = { RUN_NOT_FOUND: 404, RUN_EXISTS: 409, NODE_NOT_AWAITING: 409, RUN_ENDED: 409 }[error.code]
    return Response.json({ error: error.message, code: error.code }, { status: known ?? (error.retryable ? 503 : 500) })
  }
}
