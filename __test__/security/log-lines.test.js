// Whoever may publish a message chooses ids, and whoever writes a node its errors. In the log they are shown, and cannot
// look like a line of their own, move the cursor, or turn the order of the letters around.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createRabbitMqReconciler } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { linesOf, oneLine } from '../../dist/log.js'
import { declared } from '../fixtures/flows.js'
import { openSharedServers, until } from '../fixtures/shared-servers.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** What must never reach a log as it is. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

const FORGED = "[Adapter] Run 'admin' completed"
const HOSTILE = {
  'a line feed': ['\n', '\\n'],
  'a carriage return': ['\r', '\\r'],
  'an escape sequence': ['\u001b[2K', '\\u001b[2K'],
  'a C1 control': ['\u009b2K', '\\u009b2K'],
  'a next line': ['\u0085', '\\u0085'],
  'a line separator': ['\u2028', '\\u2028'],
  'a paragraph separator': ['\u2029', '\\u2029'],
  'a right-to-left override': ['\u202e', '\\u202e'],
  'an isolate': ['\u2067', '\\u2067'],
}

/** A worker whose every line is kept. */
async function listened(t, flow, options) {
  const lines = []
  const keep = (line) => lines.push(line)
  const logger = Object.assign(new NullLogger(), { debug: keep, info: keep, warn: keep, error: keep })
  const adapter = await servers.workerFor(t, flow, { ...options, runtime: { ...options?.runtime, logger } })
  return { adapter, lines, logger }
}

/** The lines that quote an id, each of them whole and harmless. */
async function quoted(lines, shown) {
  await until(() => lines.some((line) => line.includes(shown)), { what: `a line with ${shown}` })
  for (const line of lines) assert.doesNotMatch(line, UNPRINTABLE)
  return lines.filter((line) => line.includes(shown))
}

const flow = (nodes, edges = []) =>
  declared(
    { id: 'lines', nodes, edges },
    {
      fails: async () => {
        throw new Error(`no\n${FORGED}`)
      },
      works: async () => ({ output: 1 }),
    },
  )

describe('a line of the log', () => {
  for (const [title, [sign, shown]] of Object.entries(HOSTILE)) {
    it(`shows ${title} in a run's id`, async (t) => {
      const nodes = ['first', 'second'].map((id) => ({ id, uses: 'works' }))
      const { lines } = await listened(t, flow(nodes, [{ source: 'first', target: 'second' }]))
      // There is no such run, and this node begins none.
      await servers.send({ runId: `r${sign}${FORGED}`, blueprintId: 'lines', nodeId: 'second' })
      for (const line of await quoted(lines, `r${shown}`)) assert.ok(line.startsWith('[Adapter] '))
    })
  }

  it("shows what is in a node's id and in its error, failed, tried again and fallen back", async (t) => {
    const nodeId = `n\n\u202e${FORGED}`
    const nodes = [
      { id: nodeId, uses: 'fails', config: { maxRetries: 2, retryDelay: 1, fallback: 'b\n' } },
      { id: 'b\n', uses: 'fails' },
    ]
    const { lines } = await listened(t, flow(nodes), { retryMode: 'queue' })
    const runId = `r\r${servers.runId()}`
    await servers.begin(flow(nodes), {}, { runId, starts: [nodeId] })
    await servers.settled(runId)
    assert.ok((await quoted(lines, 'n\\n\\u202e')).length >= 2)
    await quoted(lines, 'r\\r')
    await quoted(lines, `no\\n${FORGED}`)
  })

  it("shows what is in a blueprint's id, and in a message that is no job", async (t) => {
    const { lines } = await listened(t, flow([{ id: 'only', uses: 'works' }]), { blueprintTimeout: 1 })
    await servers.send({ runId: 'run', blueprintId: `b\n${FORGED}`, nodeId: 'only' })
    await quoted(lines, 'b\\n')
    await servers.send(`{"runId":"a\nb`)
    await until(() => lines.some((line) => line.includes('dead letters') && !line.includes('b\\n')))
    for (const line of lines) assert.doesNotMatch(line, UNPRINTABLE)
  })

  it('of the reconciler too', async (t) => {
    const { adapter, lines, logger } = await listened(t, flow([{ id: 'only', uses: 'works' }]), { repairInterval: 0 })
    const runId = `stalled\n${FORGED}`
    await servers.insert(runId, JSON.stringify({ blueprintId: 'of nobody' }))
    await servers.insertStatus(runId)
    const reconciler = createRabbitMqReconciler({
      adapter,
      logger,
      pgClient: servers.database,
      statusTableName: servers.statusTable,
      stalledThresholdSeconds: 0.001,
    })
    await until(async () => (await reconciler.run()).failedRuns > 0)
    await quoted(lines, 'stalled\\n')
  })

  it('leaves every other sign as it is', () => {
    const text = `Ünï “quoted” 日本語 🙂 'run' e\u0301 a\u200db \\n`
    assert.equal(oneLine(text), text)
    const logger = { lines: [], warn: (...given) => logger.lines.push(given) }
    linesOf(logger).warn('a\tb', { error: 'c\nd' })
    assert.deepEqual(logger.lines, [['a\\tb', { error: 'c\nd' }]])
  })
})
