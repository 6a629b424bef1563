// What tests of child runs share: a child that waits for a word, the child that a node waits for, and how a run ends.
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { until } from '../../fixtures/shared-servers.js'

export const ENDS = { timeoutMs: 20_000 }

/** A child that waits for a word. */
export const asking = createFlow('asking').wait('word', { params: { eventName: 'word' } })

/** A child that fails the first time that it is asked to charge. */
export function decliningOnce() {
  let declines = 1
  return createFlow('once').node('charge', async () => {
    if (declines-- > 0) throw new Error('declined')
    return { output: 'charged' }
  })
}

/** The child that a node of a run waits for. */
export async function childOf(client, run, nodeId = 'ask') {
  const waiting = () => run.describe().then(({ nodes }) => nodes.find((node) => node.nodeId === nodeId)?.waitsFor)
  await until(async () => (await waiting()) !== undefined)
  return client.run((await waiting()).details.childRunId)
}

export const outputOf = async (run, nodeId) => (await run.result(ENDS)).context[`_outputs.${nodeId}`]

export const failureOf = (run) =>
  run.result(ENDS).then(
    () => assert.fail('it completed'),
    (error) => error,
  )
