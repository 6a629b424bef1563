// A panic in Rust, wherever in a job's life, is an error of that job: its run fails and its message is kept where a
// person can look at it, or, where its result was recorded, it goes on. The process lives, and so does all other work.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openSharedServers, until } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { flows } from './programs/flows.js'

const RUNS = 4
const program = new URL('./programs/worker.js', import.meta.url)

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** A worker process that panics the first time a job passes a point. */
async function panicking(t, queue, point) {
  const settings = { contexts: servers.contextTable, statuses: servers.statusTable, queue }
  const worker = new WorkerProcess(program, { settings, env: { FLOWCRAFT_FAULT: `panic@${point}:1` } })
  t.after(() => worker.stop('SIGKILL'))
  return {
    /** It panicked, and has said what becomes of the message; behind the acknowledgement there is none. */
    panicked: () =>
      worker.stderr.includes(`planned a panic at ${point}`) &&
      (point === 'after-ack' || /it comes again|to the dead letters/.test(worker.stderr)),
    said: () => worker.stderr,
    /** Ends it in good order; answers with how it ended. */
    async end() {
      assert.equal(worker.end, undefined, `it lives\n${worker.stderr}`)
      return worker.stop('SIGTERM')
    },
  }
}

/** Several runs of a flow at a time, one job of which panics; answers with how they ended, and what is dead. */
async function runs(t, flow, point) {
  const id = flow.toBlueprint().id
  const queue = `${servers.queue}_${id}_${point}`
  const client = servers.adapter(flow, { started: false, queueName: queue })
  const begin = async () => {
    const runId = `${queue}_${servers.runId()}`
    await servers.begin(flow, {}, { runId, starts: [] })
    await client.enqueueJob({ runId, blueprintId: id, nodeId: flow.toBlueprint().nodes[0].id })
    return runId
  }
  const begun = await Promise.all(Array.from({ length: RUNS }, begin))
  const worker = await panicking(t, queue, point)
  const ended = await Promise.all(begun.map((runId) => servers.settled(runId)))
  await until(worker.panicked, { what: `a panic at ${point}: ${worker.said()}` })
  assert.equal(
    (await servers.settled(await begin())).status,
    'completed',
    'what comes later is done by the same process',
  )
  assert.deepEqual(await worker.end(), { code: 0, signal: null })
  const letters = await client.listDeadLetters()
  await client.stop()
  const left = await servers.channel.checkQueue(queue)
  assert.equal(left.messageCount, 0, 'every message was settled')
  await Promise.all([queue, `${queue}.dead`].map((name) => servers.channel.deleteQueue(name)))
  return { begun, ended, letters }
}

describe('a panic', { concurrency: 2 }, () => {
  const beforeItCounts = [
    'before-lease',
    'after-lease',
    'before-load',
    'after-load',
    'before-call',
    'after-call',
    'before-commit',
  ]
  for (const point of beforeItCounts) {
    it(`${point} ends its run as failed, with its message among the dead letters`, async (t) => {
      const { begun, ended, letters } = await runs(t, flows.fan, point)
      const failed = begun.filter((_, index) => ended[index].status === 'failed')
      assert.equal(failed.length, 1)
      assert.deepEqual(ended.filter(({ status }) => status === 'completed').length, RUNS - 1)
      assert.match(ended[begun.indexOf(failed[0])].result.reason, /panicked/)
      assert.equal(letters.length, 1)
      assert.match(letters[0].reason, /panicked/)
      assert.equal(letters[0].job.runId, failed[0])
    })
  }

  const onceItCounts = ['after-commit', 'before-release', 'after-release', 'before-ack', 'after-ack']
  for (const point of ['before-publish', 'between-publishes', 'after-publish', ...onceItCounts]) {
    it(`${point} loses nothing: its result counts, and its run completes`, async (t) => {
      const { ended, letters } = await runs(t, flows.fan, point)
      for (const { status, context } of ended) {
        assert.equal(status, 'completed')
        assert.deepEqual([context['_outputs.left'], context['_outputs.right']], [2, 3])
      }
      assert.deepEqual(letters, [])
    })
  }

  for (const point of onceItCounts) {
    it(`${point} of a run's last job leaves the run completed, and no dead letter`, async (t) => {
      const { ended, letters } = await runs(t, flows.lone, point)
      for (const { status, context } of ended) {
        assert.equal(status, 'completed')
        assert.equal(context['_outputs.end'], 'ended')
      }
      assert.deepEqual(letters, [])
    })
  }
})
