// RabbitMQ out of reach, in part or as a whole: a call finds the address that answers, and one that took effect says so.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { NullLogger } from 'flowcraft'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, until, urls } from '../fixtures/shared-servers.js'

let servers
/** Accepts connections and closes them at once. */
let slammed
before(async () => {
  servers = await openSharedServers()
  slammed = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(slammed, 'listening')
})
after(async () => {
  slammed.close()
  await servers.close()
})

const NOBODY = 'amqp://127.0.0.1:1'

const flow = declared(
  {
    id: 'pausing',
    nodes: [
      { id: 'pause', uses: 'wait' },
      { id: 'after', uses: 'after' },
    ],
    edges: [{ source: 'pause', target: 'after' }],
  },
  { after: async ({ input }) => ({ output: input }) },
)

/** A client, whose warnings are kept, and a run that waits. */
async function client(t, amqpConnection) {
  await servers.workerFor(t, flow, { repairInterval: 1000 })
  const warnings = []
  const logger = Object.assign(new NullLogger(), { warn: (line) => warnings.push(line) })
  const adapter = servers.adapter(flow, { started: false, amqpConnection, runtime: { logger } })
  t.after(() => adapter.stop())
  const runId = await servers.begin(flow)
  await servers.settled(runId, ['awaiting'])
  return { adapter, runId, warnings }
}

describe('a call with several addresses', () => {
  const addresses = {
    'the first of two refuses': () => [NOBODY, urls.amqp],
    'the first two of three refuse': () => [NOBODY, 'amqp://127.0.0.1:2', urls.amqp],
    'the first closes what it accepted': () => [`amqp://127.0.0.1:${slammed.address().port}`, urls.amqp],
    'the last refuses': () => [urls.amqp, NOBODY],
  }
  for (const [title, of] of Object.entries(addresses)) {
    it(`finds the one that answers: ${title}`, async (t) => {
      const { adapter, runId, warnings } = await client(t, of())
      assert.deepEqual(await adapter.listDeadLetters(), [])
      assert.deepEqual(await adapter.resumeWithAction(runId, 'go', 5), new Set(['pause']))
      assert.equal((await servers.settled(runId)).context['_outputs.after'], 5)
      assert.deepEqual(warnings, [])
    })
  }
})

describe('a call that took effect while no address answers', () => {
  it('resolves: a resume, said once, and a worker goes on from there', async (t) => {
    const { adapter, runId, warnings } = await client(t, [NOBODY, 'amqp://127.0.0.1:2'])
    assert.deepEqual(await adapter.resumeWithAction(runId, 'go', 5), new Set(['pause']))
    await until(() => warnings.length > 0)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0], /the change is recorded.*Resuming.*127\.0\.0\.1/)
    assert.equal((await servers.settled(runId)).context['_outputs.after'], 5)
  })

  it('resolves: a retry of a failed run', async (t) => {
    let attempts = 0
    const failing = declared(
      { id: 'failing', nodes: [{ id: 'only', uses: 'only' }], edges: [] },
      {
        only: async () => {
          attempts += 1
          if (attempts === 1) throw new Error('the first time')
          return { output: attempts }
        },
      },
    )
    await servers.workerFor(t, failing, { repairInterval: 1000 })
    const adapter = servers.adapter(failing, { started: false, amqpConnection: NOBODY })
    t.after(() => adapter.stop())
    const runId = await servers.begin(failing)
    assert.equal((await servers.settled(runId)).status, 'failed')
    assert.deepEqual(await adapter.retry(runId), new Set(['only']))
    assert.equal((await servers.settled(runId, ['completed'])).context['_outputs.only'], 2)
  })

  it('resolves: a cancellation whose result cannot be published yet', async (t) => {
    const { runId } = await client(t, urls.amqp)
    const adapter = servers.adapter(flow, {
      started: false,
      Adapter: class extends servers.adapters[0].constructor {
        async publishFinalResult() {
          throw new Error('nowhere to publish')
        }
      },
    })
    t.after(() => adapter.stop())
    assert.equal(await adapter.cancel(runId, 'enough'), true)
    assert.equal(await adapter.cancel(runId, 'enough'), false)
  })

  it('rejects where publishing is all that was asked for', async (t) => {
    const { adapter, runId } = await client(t, NOBODY)
    const job = { runId, blueprintId: 'pausing', nodeId: 'after' }
    await assert.rejects(adapter.enqueueJob(job), { code: 'BROKER_UNREACHABLE', retryable: true })
  })
})
