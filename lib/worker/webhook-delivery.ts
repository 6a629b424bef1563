/** A webhook's delivery: an event of its run, and what became of it. */
import type { WebhookReceiver } from '../api/webhooks.js'
import { RunEndedError, RunNotFoundError } from '../errors.js'

/** Delivers by sending an event to the run; what the caller of the URL may know is an answer, not an error. */
export function deliveryBy(
  send: (...delivery: Parameters<WebhookReceiver['deliver']>) => Promise<unknown>,
): WebhookReceiver['deliver'] {
  return async (runId, nodeId, payload) => {
    try {
      await send(runId, nodeId, payload)
      return 'taken'
    } catch (error) {
      if (error instanceof RunEndedError) return 'the run is over'
      if (error instanceof RunNotFoundError) return 'no such run'
      throw error
    }
  }
}
