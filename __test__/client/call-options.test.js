// A call refuses an option that it does not know, before anything is sent: a misspelt one would be left out in silence.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'

const greet = createFlow('greet')
  .node('hello', async () => ({ output: 'hello' }))
  .wait('approval')
  .edge('hello', 'approval')

async function environment(t) {
  const env = await createTestEnvironment({ flows: { greet } })
  t.after(() => env.close())
  return env
}

/** What is called, with which option, and the option that is meant; none where no name is near. */
const CALLS = [
  ['client.start', 'runid', 'runId', ({ client }) => client.start('greet', { runid: 'a' })],
  ['client.startMany', 'contxt', 'context', ({ client }) => client.startMany('greet', [{}, { contxt: {} }])],
  [
    'client.startMany',
    'onconflict',
    'onConflict',
    ({ client }) => client.startMany('greet', [], { onconflict: 'reject' }),
  ],
  ['client.list', 'stauts', 'status', ({ client }) => client.list({ stauts: 'failed' })],
  ['client.counts', 'tag', 'tags', ({ client }) => client.counts({ tag: ['customer:1'] })],
  ['client.throughput', 'within', 'withinMs', ({ client }) => client.throughput({ within: 1 })],
  ['client.purge', 'tag', 'tags', ({ client }) => client.purge({ tag: ['customer:1'], olderThan: 0 })],
  ['run.result', 'timeout', 'timeoutMs', ({ client }) => client.run('a').result({ timeout: 1 })],
  ['run.watch', 'signals', 'signal', ({ client }) => client.run('a').watch({ signals: 1 }).next()],
  ['run.resume', 'node', undefined, ({ client }) => client.run('a').resume({ node: 'approval' })],
  ['run.rerunFrom', 'inputs', 'input', ({ client }) => client.run('a').rerunFrom('hello', { inputs: 1 })],
  ['schedules.create', 'timezone', 'timeZone', ({ client }) => client.schedules.create({ id: 's', timezone: 'UTC' })],
  ['schedules.list', 'limits', 'limit', ({ client }) => client.schedules.list({ limits: 1 })],
  ['schedules.backfill', 'till', undefined, ({ client }) => client.schedules.backfill('s', { from: 1, till: 2 })],
  ['adapter.listDeadLetters', 'limits', 'limit', ({ adapter }) => adapter.listDeadLetters({ limits: 1 })],
  ['adapter.replayDeadLetters', 'id', 'ids', ({ adapter }) => adapter.replayDeadLetters({ id: ['a'] })],
  ['adapter.ready', 'timeoutMS', 'timeoutMs', ({ adapter }) => adapter.ready({ timeoutMS: 1 })],
  ['expectRun.toHaveCompleted', 'output', 'outputs', ({ expectRun }) => expectRun('a').toHaveCompleted({ output: {} })],
  ['expectRun.toHaveFailed', 'reasons', 'reason', ({ expectRun }) => expectRun('a').toHaveFailed({ reasons: /x/ })],
]

describe('an unknown option of', () => {
  for (const [call, option, meant, asked] of CALLS) {
    it(`${call}, ${option}, is refused`, async (t) => {
      const env = await environment(t)
      await assert.rejects(
        async () => asked({ client: env.client, adapter: env.adapter, expectRun: (runId) => env.expectRun({ runId }) }),
        (error) => {
          assert.ok(error instanceof TypeError, error.stack)
          assert.equal(error.code, 'INVALID_ARGUMENT')
          assert.ok(error.message.startsWith(`${call}: unknown option '${option}': `), error.message)
          const advice = meant === undefined ? /the options are '/ : new RegExp(`did you mean '${meant}'\\?$`)
          assert.match(error.message, advice)
          return true
        },
      )
      assert.deepEqual((await env.client.list()).runs, [], 'nothing was started')
    })
  }
})

describe('the options of a call', () => {
  it('are an object', async (t) => {
    const { client } = await environment(t)
    for (const given of [null, [], 'x', 7]) {
      await assert.rejects(async () => client.list(given), { code: 'INVALID_ARGUMENT' })
    }
  })

  it('that is misspelt remove nothing', async (t) => {
    const { client } = await environment(t)
    for (const customer of ['1', '2', '3']) {
      const run = await client.start('greet', { tags: [`customer:${customer}`] })
      await run.cancel()
    }
    await assert.rejects(client.purge({ tag: ['customer:1'], olderThan: 0 }), { code: 'INVALID_ARGUMENT' })
    assert.equal((await client.list()).runs.length, 3)
    assert.equal(await client.purge({ tags: ['customer:1'], olderThan: 0 }), 1)
  })

  it('that are known and undefined count as left out', async (t) => {
    const { client, settle } = await environment(t)
    const run = await client.start('greet', { runId: undefined, tags: undefined, startAt: undefined })
    await settle()
    assert.equal((await run.describe()).status, 'awaiting')
  })
})
