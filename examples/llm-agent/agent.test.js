import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { UnsafeEvaluator } from 'flowcraft'
import { flows } from './flow.js'
import { modelAt } from './model.js'
import { serializer } from './serializer.js'
import { standIn } from './stand-in.js'
import { tools } from './tools.js'

/** The model answers over HTTP, in real time: its answer is waited for. */
const SOON = { timeoutMs: 30_000 }

async function agent(t, { model = {}, concurrency } = {}) {
  const { server, seen } = standIn(model)
  await once(server.listen(0), 'listening')
  t.after(() => server.close())
  const dependencies = { model: modelAt(`http://localhost:${server.address().port}`, { concurrency }), tools }
  const env = await createTestEnvironment({
    flows,
    runtime: { dependencies, serializer, evaluator: new UnsafeEvaluator() },
    adapter: { retryMode: 'queue', concurrency: 50 },
  })
  t.after(() => env.close())
  return { ...env, seen }
}

test('the agent uses its tool until it knows the answer', async (t) => {
  const { client, expectRun, seen } = await agent(t)
  const run = await client.start('agent', { context: { question: 'What is 1 + 2 + 3 + 4?' } })
  const { conversation } = (await run.result(SOON)).context
  await expectRun(run).toHaveCompleted({ outputs: { answer: 'It is 10.' }, attempts: { think: 4 } })
  assert.equal(seen.calls, 4)
  assert.ok(conversation.messages[0].at instanceof Date)
  assert.deepEqual(
    conversation.tokens,
    new Map([
      ['prompt', 40],
      ['completion', 8],
    ]),
  )
})

test('twenty agents share the limit of the model, and wait where it asks them to', async (t) => {
  const { client, expectRun, seen } = await agent(t, { model: { takesMs: 3, refuses: 5 }, concurrency: 3 })
  const runs = await client.startMany('agent', Array(20).fill({ context: { question: '20 + 22' } }))
  await Promise.all(runs.map((run) => run.result(SOON)))
  for (const run of runs) await expectRun(run).toHaveCompleted({ outputs: { answer: 'It is 42.' } })
  assert.ok(seen.mostAtATime <= 3, `${seen.mostAtATime} calls at a time`)
})

test('a worker that dies while the model thinks costs one call', async (t) => {
  const { client, expectRun, untilExecuting, killWorker, seen } = await agent(t, { model: { takesMs: 20 } })
  const run = await client.start('agent', { context: { question: '1 + 1' } })
  await untilExecuting('think')
  await killWorker()
  await run.result(SOON)
  await expectRun(run).toHaveCompleted({ outputs: { answer: 'It is 2.' } })
  assert.ok(seen.calls <= 3)
})
