// The surroundings of examples: an environment in memory, a run in it that stands where the example finds it, and the names the
// example uses.
import assert from 'node:assert/strict'
import * as adapterPackage from '@flowcraft/rabbitmq-adapter'
import { dashboardHandler } from '@flowcraft/rabbitmq-adapter/dashboard'
import { createTestEnvironment, TestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow, NullLogger } from 'flowcraft'
import { environmentFor } from '../../testing/support.js'

const { migrate } = adapterPackage

/** A run that waits for its approval. */
export const AWAITING = { at: 'approval' }

/** What holds in the end. */
export const completes = async ({ expectRun, run }) => expectRun(run).toHaveCompleted()
export const isStatus =
  (wanted) =>
  async ({ run }) =>
    assert.equal((await run.describe()).status, wanted)
export const says =
  (...wanted) =>
  ({ said }) =>
    assert.deepEqual(said.flat(), wanted)

/** A charge that is declined, and would not be any more when the example begins. */
export function failedOnce() {
  let declines = true
  return { stage: { flow: declined(() => declines) }, first: () => (declines = false) }
}

/** `charge -> approval -> ship`, where the approval is a person's. */
const order = createFlow('order')
  .node('charge', () => ({ output: 'charged' }))
  .wait('approval')
  .node('ship', () => ({ output: 'shipped' }))
  .edge('charge', 'approval')
  .edge('approval', 'ship', { action: 'approved' })

/** As {@link order}, but its charge is declined for as long as `declines` says so. */
function declined(declines) {
  return createFlow('order')
    .node('charge', () => (declines() ? Promise.reject(new Error('card declined')) : { output: 'charged' }))
    .wait('approval')
    .edge('charge', 'approval')
}

/** A run that waits for the event of a payment, or for its webhook. */
export const paid = createFlow('order').wait('paid', { params: { eventName: 'payment:received' } })
/** The same, with a node behind it that goes on for as long as it takes. */
export const paidAndShipping = createFlow('order')
  .wait('paid', { params: { eventName: 'payment:received' } })
  .node('ship', () => new Promise(() => {}))
  .edge('paid', 'ship')
export const hooked = { id: 'order', nodes: [{ id: 'payment', uses: 'webhook' }], edges: [] }

/** A node that goes on for as long as it takes. */
export const charging = createFlow('order').node('charge', () => new Promise(() => {}))

const report = createFlow('report').node('write', () => ({ output: 'written' }))

/**
 * An environment with the run `order-17`, which stands `at` a node, or as it is without one. What it has, the example finds by its
 * name.
 */
export async function stage(t, { flow = order, at, runs = ['order-17'], tables = false, ...options } = {}) {
  const flows = { order: flow, report }
  const env = await environmentFor(t, flows, options)
  if (tables) await migrate(env.servers)
  for (const runId of runs) await env.client.start('order', { runId, context: { amount: 42 } })
  if (at) await env.expectRun('order-17').toAwait(at)
  else await env.settle().catch(() => {})
  const said = []
  const served = []
  const listens = (handler) => ({ listen: (port) => served.push([handler, port]) })
  return {
    ...withoutSymbols(env),
    ...adapterPackage,
    ...env.servers,
    env,
    servers: env.servers,
    adapter: env.adapter,
    createTestEnvironment,
    TestEnvironment,
    createFlow,
    dashboardHandler,
    createServer: listens,
    flows,
    flow,
    run: env.client.run('order-17'),
    runId: 'order-17',
    assert,
    console: { log: (...words) => said.push(words) },
    said,
    served,
    after: (end) => t.after(end),
    charge: () => ({ output: 'charged' }),
    logger: new NullLogger(),
  }
}

function withoutSymbols(env) {
  const { client, clock, startWorker, killWorker, fail, restore, settle, untilExecuting, deliver, expectRun } = env
  return { client, clock, startWorker, killWorker, fail, restore, settle, untilExecuting, deliver, expectRun }
}

/** Code that names real servers, over those of the environment. */
export function inMemory(code, { servers }) {
  return code
    .replaceAll(/'amqp:\/\/.*?'/g, `'${servers.amqpConnection}'`)
    .replaceAll(/'postgresql:\/\/.*?'/g, `'${servers.pgClient}'`)
    .replaceAll(/'redis:\/\/.*?'/g, `'${servers.amqpConnection}'`)
    .replaceAll("'flowcraft_contexts'", `'${servers.contextTableName}'`)
    .replaceAll("'flowcraft_statuses'", `'${servers.statusTableName}'`)
    .replaceAll("'flowcraft-jobs'", `'${servers.queueName}'`)
}

/** How a request handler answers a request without a body. */
export function answered(handler, url, method = 'GET') {
  return new Promise((resolve) => {
    const headers = { host: 'localhost' }
    const request = { url, method, headers, socket: { remoteAddress: '127.0.0.1' }, complete: true }
    const response = {
      statusCode: 0,
      setHeader() {},
      writeHead: (status) => Object.assign(response, { statusCode: status }),
      end: (body = '') => resolve({ status: response.statusCode, body: String(body) }),
    }
    handler(request, response)
  })
}
