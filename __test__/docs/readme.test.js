// The code of README.md: its complete file as somebody pastes it, and what one does next.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrate } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow, UnsafeEvaluator, WebhookNode } from 'flowcraft'
import { blocksOf, pageOf, programOf, sectionOf } from '../fixtures/pages.js'
import { onServers, sharedServersFor, urls } from '../fixtures/shared-servers.js'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const page = await pageOf('README.md')
const [file] = blocksOf(sectionOf(page, 'Your first workflow'), 'js')

/** Runs a file in a process of its own; what it prints. */
async function printed(code) {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: repository,
    timeout: 60_000,
  })
  return stdout
}

describe('the complete file of the README', () => {
  it('runs as it stands there, without a server', async () => {
    assert.match(await printed(file), /^HELLO ADA$/m)
  })

  it('runs on servers with its three strings changed to those beside them', onServers('servers'), async (t) => {
    const servers = await sharedServersFor(t)
    const changed = file.replaceAll(/'memory:'(.*?)\/\/ ('.*')$/gm, (_, rest, real) => `${real}${rest}`)
    assert.doesNotMatch(changed, /memory:/)
    const here = changed
      .replace('amqp://localhost', urls.amqp)
      .replace('postgresql://localhost/shop', urls.database)
      .replace('redis://localhost', urls.redis)
      .replace('flowcraft_contexts', servers.contextTable)
      .replace('flowcraft_statuses', servers.statusTable)
      .replace('flowcraft-jobs', servers.queue)
    assert.match(await printed(here), /^HELLO ADA$/m)
  })
})

it('the tables of the README are those of docs/servers.md, and can be made', async (t) => {
  const [sql] = blocksOf(page, 'sql')
  assert.deepEqual(blocksOf(await pageOf('docs/servers.md'), 'sql'), [sql])
  const servers = await sharedServersFor(t)
  if (!servers.pg) return
  const client = await servers.pg.connect()
  await client.query('BEGIN')
  await client.query(`SET LOCAL search_path TO ${servers.name}`)
  await client.query(sql)
  await client.query('ROLLBACK')
  client.release()
})

/** What one does next, by the flow that the block makes: what happens to its run, and how that ends. */
const NEXT = {
  article: { waitsAt: 'review', ends: { outputs: { publish: 'published by Ada' }, order: ['review', 'publish'] } },
  payment: { waitsAt: 'paid', ends: { outputs: { thank: 'thanks for 42' } } },
  callback: { waitsAt: 'hook', body: { state: 'paid' }, ends: { outputs: { read: 'paid' } } },
  reminder: { waitsAt: 'week', passes: '7 days', ends: { outputs: { remind: 'reminded' } } },
  quote: { passes: '1 minute', ends: { outputs: { send: 'sent about 40' }, attempts: { call: 3 } } },
  countdown: { ends: { outputs: { lift: 'off' }, context: { left: 0 }, attempts: { step: 3 } } },
  thumbnails: { ends: { context: { small: ['small a.png', 'small b.png', 'small c.png'] } } },
  signup: { ends: { context: { message: 'HELLO ADA' } } },
  report: { passes: '1 day', schedule: 'nightly', ends: { outputs: { write: 'written' } } },
  summary: { limit: { count: 60, most: 4 }, passes: '1 minute', ends: { outputs: { ask: 'a summary' } } },
}

const askTheBank = async () => {
  throw new Error('the bank is closed')
}

/** A model that says how often it was asked, and how often at a time. */
function model() {
  const asked = { count: 0, now: 0, most: 0 }
  const askTheModel = async () => {
    asked.count += 1
    asked.now += 1
    asked.most = Math.max(asked.most, asked.now)
    await setImmediate()
    asked.now -= 1
    return { output: 'a summary' }
  }
  return { asked, askTheModel }
}

const greeting = createFlow('greeting')
  .node('hello', async ({ context }) => ({ output: `hello ${await context.get('name')}` }))
  .node('shout', async ({ input }) => ({ output: input.toUpperCase() }))
  .edge('hello', 'shout')

/** The blocks, by the names of the flows they make. */
const blocks = new Map(
  blocksOf(sectionOf(page, 'What you do next'), 'js').map((block) => [
    block.match(/^const (?!params)(\w+) =/m)?.[1],
    block,
  ]),
)

/** The flow of a block, the limits it sets, and what it does to its run. */
async function read(name) {
  const acts = []
  const { asked, askTheModel } = model()
  const note =
    (act) =>
    async (...given) =>
      void acts.push([act, ...given])
  const scope = {
    createFlow,
    WebhookNode,
    askTheBank,
    askTheModel,
    ...{ migrate: note('migrate'), pgClient: '', contextTableName: '', statusTableName: '' },
    client: {
      schedules: { create: note('schedule') },
      run: (runId) => ({ resume: note(`resume ${runId}`), sendEvent: note(`sendEvent ${runId}`) }),
    },
    worker: {
      registerWebhookEndpoint: async (...to) => ({ url: acts.push(['deliver', ...to]) }),
      webhookHandler: () => {},
    },
    createServer: () => ({ listen: () => {} }),
  }
  const all = `return { flow: ${name}, limits: typeof limits === 'undefined' ? {} : limits }`
  const program = programOf(`${blocks.get(name)}\n${all}`, Object.keys(scope))
  return { ...(await program(scope)), acts, asked }
}

describe('what one does next', () => {
  it('is all there', () => {
    assert.deepEqual([...blocks.keys()].sort(), [...Object.keys(NEXT), 'env'].sort())
  })

  for (const [name, { waitsAt, passes, body, schedule, limit, ends }] of Object.entries(NEXT)) {
    it(name, async (t) => {
      const { flow, limits, acts, asked } = await read(name)
      const env = await createTestEnvironment({
        flows: { [name]: flow, greeting },
        adapter: { retryMode: 'queue', limits },
        runtime: { evaluator: new UnsafeEvaluator() },
      })
      t.after(() => env.close())
      const begun = await env.client.start(name, { runId: `${name}-1`, context: { name: 'Ada' } })
      if (waitsAt) await env.expectRun(begun).toAwait(waitsAt)
      for (const [act, ...given] of acts) {
        const [method, runId] = act.split(' ')
        if (method === 'deliver') await env.deliver({ runId: given[0], nodeId: given[1] }, { body })
        else if (method === 'migrate') await migrate(env.servers)
        else if (method === 'schedule') await env.client.schedules.create(...given)
        else await env.client.run(runId)[method](...given)
      }
      if (limit) {
        await env.client.startMany(name, Array(limit.count).fill({}))
        await env.clock.advance('30 s')
        assert.deepEqual([asked.count, asked.most], [limit.count, limit.most], 'one more waits')
      }
      if (passes) await env.clock.advance(passes)
      await env.expectRun(begun).toHaveCompleted(ends)
      if (limit) assert.equal(asked.count, limit.count + 1)
      if (schedule) {
        const { recent } = await env.client.schedules.describe(schedule)
        await env.expectRun(recent[0].runId).toHaveCompleted(ends)
      }
    })
  }

  it('is tested as it says', async () => {
    const { flow: reminder } = await read('reminder')
    await programOf(blocks.get('env'), ['reminder'])({ reminder })
  })
})

/** Rows of the README's comparison, by the shape and the figure of bench/RESULTS.md that they are. */
const FIGURES = {
  'jobs a second, 200 chains in flight': ['chains', 'jobs/s'],
  'jobs a second, one fan of 1,000 nodes': ['wide-run', 'jobs/s'],
  'jobs a second, 1 MB in each context': ['context-1m', 'jobs/s'],
  'ms a node, one chain alone': ['lone', 'ms a hop'],
}

const cellsOf = (row) =>
  row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
const number = (cell) => Number.parseFloat(cell.replaceAll(',', ''))

it('the comparison has the figures of the bench', async () => {
  const results = (await pageOf('bench/RESULTS.md')).split('\n').filter((line) => line.startsWith('| '))
  const columns = cellsOf(results[0])
  const wanted = ['this package', 'BullMQ adapter', 'DBOS', 'version 1 (stand-in)'].map((name) => columns.indexOf(name))
  const rows = sectionOf(page, 'Beside others')
    .split('\n')
    .filter((line) => line.startsWith('| '))
  for (const [title, [shape, figure]] of Object.entries(FIGURES)) {
    const [, ...written] = cellsOf(rows.find((row) => row.startsWith(`| ${title} `)))
    const measured = cellsOf(results.find((row) => row.startsWith(`| **${shape}**`) && row.includes(`| ${figure} |`)))
    for (const [index, column] of wanted.entries()) {
      const [here, there] = [number(written[index]), number(measured[column])]
      assert.ok(Math.abs(here - there) <= there * 0.02, `${title}: ${written[index]}, measured ${measured[column]}`)
    }
  }
})
