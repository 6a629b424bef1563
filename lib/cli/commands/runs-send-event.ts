/** `runs send-event`. */
import { actOnRuns } from '../bulk.js'
import type { Run } from '../command.js'
import { usage } from '../exit.js'
import { jsonOf } from '../json-input.js'

export const run: Run = async (call) => {
  const { parsed } = call
  const event = parsed.text('event')
  if (event === undefined || event === '') throw usage('Which event? Name it: --event payment:received')
  const idempotencyKey = parsed.text('idempotency-key')
  const payload = await jsonOf(parsed, 'data')
  return actOnRuns(call, {
    verb: `Send '${event}' to`,
    done: 'told',
    statuses: ['running', 'awaiting'],
    needs: ['amqp', 'database'],
    isFinal: false,
    act: async (run) => {
      const nodes = [...(await run.sendEvent(event, payload, idempotencyKey === undefined ? {} : { idempotencyKey }))]
      if (nodes.length > 0) return `goes on at ${nodes.join(', ')}`
      const kept = 'no node waits for it: it is kept for the first that will'
      return idempotencyKey === undefined ? kept : `${kept}, unless the run knows this key`
    },
  })
}
