// The code of the pages in docs runs: each block of it, by this file or by the one that is named here.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import * as timers from 'node:timers/promises'
import { inspect } from 'node:util'
import { migrate, migrationStatus, RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createFlow, NullLogger } from 'flowcraft'
import { blocksOf, pageOf, pages, programOf } from '../fixtures/pages.js'
import { until } from '../fixtures/until.js'
import { AROUND, counting, environmentFor } from '../testing/support.js'

/** Pages whose code is run elsewhere. */
const ELSEWHERE = {
  'docs/backups.md': '__test__/drills/restore.test.js',
  'docs/getting-started.md': '__test__/docs/getting-started.test.js',
  'README.md': '__test__/docs/readme.test.js',
  'docs/client.md': '__test__/client/documentation.test.js',
  'docs/dashboard.md': '__test__/dashboard/documentation.test.js',
  'docs/moving-from-version-1.md': '__test__/dropin/readme-client.test.js',
  'docs/testing.md': '__test__/testing/documentation.test.js',
}

/** The constants of docs/sizing.md, by the figures of the bench that they are. */
const CONSTANTS = {
  'CPU of a worker process, a job': 'ms CPU of the process a job',
  'of it the main thread, where your code runs too': 'ms CPU of the main thread a job',
  'event loop busy, a job': 'ms the event loop is busy a job',
  'memory of a worker at most, without your code': 'MB at most',
  'with 100 KB in each context, a job takes': '× an empty context',
}

/** Runs the blocks of a page, with these names in scope. */
async function runs(page, scope) {
  const blocks = blocksOf(await pageOf(page), 'js', 'ts')
  assert.ok(blocks.length > 0)
  await programOf(blocks.join('\n'), Object.keys(scope))(scope)
}

/** By page, how its code is run. */
const HERE = {
  'docs/pauses.md': async (t) => {
    const pausing = {
      id: 'pausing',
      nodes: [
        { id: 'approval', uses: 'wait' },
        { id: 'paid', uses: 'wait', params: { eventName: 'paid' } },
        { id: 'callback', uses: 'webhook' },
        { id: 'after', uses: 'after' },
      ],
      edges: [{ source: 'approval', target: 'after', action: 'approve' }],
    }
    const { adapter, client, deliver, expectRun } = await environmentFor(
      t,
      { pausing },
      { runtime: { registry: AROUND } },
    )
    const { runId } = await client.start('pausing')
    for (const node of ['approval', 'paid', 'callback']) await expectRun(runId).toAwait(node)
    let handler
    const http = { createServer: (given) => ({ listen: () => (handler = given) }) }
    await runs('docs/pauses.md', { adapter, runId, http })
    assert.equal(typeof handler, 'function')
    assert.equal((await deliver({ runId, nodeId: 'callback' })).status, 202)
    await expectRun(runId).toHaveCompleted({ outputs: { after: { by: 'ada' }, paid: { amount: 42 } } })
  },

  'docs/history.md': async (t) => {
    const order = createFlow('order')
      .node('price', () => ({ output: 42 }))
      .node('charge', ({ input }) => ({ output: `charged ${input}` }))
      .edge('price', 'charge')
    const { client, expectRun, servers } = await environmentFor(t, { order }, { adapter: { history: true } })
    await migrate(servers)
    const run = await client.start('order', { runId: 'order-17' })
    await expectRun(run).toHaveCompleted()
    await until(async () => (await run.history()).attempts.length === 2)
    const said = []
    const options = { ...servers, runtimeOptions: { blueprints: {}, logger: new NullLogger() } }
    const console = { log: (...words) => said.push(words.slice(0, 5)) }
    await runs('docs/history.md', { ...servers, client, console, migrate, options, RabbitMqAdapter })
    assert.deepEqual(said, [[1, 1, 'done', 42, 'charged 42']])
  },

  'docs/pausing.md': async (t) => {
    const order = createFlow('order').wait('approval')
    const { client, expectRun, servers } = await environmentFor(t, { order })
    await migrate(servers)
    const run = await client.start('order', { runId: 'order-17' })
    await expectRun(run).toAwait('approval')
    const said = []
    await runs('docs/pausing.md', { client, console: { log: (...words) => said.push(words) } })
    assert.deepEqual(
      said.map(([name, since, reason]) => [name, since instanceof Date, reason]),
      [
        ['order', true, undefined],
        ['mails', true, 'the provider is down'],
      ],
    )
    assert.deepEqual(await client.paused(), [])
    assert.equal((await run.describe()).paused, undefined)
  },

  'docs/child-runs.md': async () => {
    const said = []
    await runs('docs/child-runs.md', { console: { log: (words) => said.push(words) } })
    assert.deepEqual(said, ['sent to Rome #7', 'ship'])
  },

  'docs/in-a-node.md': async (t) => {
    const answers = [{ status: 429, retryAfterSeconds: 60 }, { text: 'hello' }]
    const loaded = []
    const scope = {
      payments: { charge: async (amount, { idempotencyKey }) => ({ amount, idempotencyKey }) },
      model: async () => answers.shift(),
      load: async (page) => {
        loaded.push(page)
        if (loaded.length === 42) throw new Error('page 42 does not come')
      },
    }
    const code = blocksOf(await pageOf('docs/in-a-node.md'), 'js').join('\n')
    const program = programOf(`${code}\nreturn { charge, ask, imports }`, Object.keys(scope))
    const { charge, ask, imports } = await program(scope)
    const order = createFlow('order').node('charge', charge).node('ask', ask).edge('charge', 'ask')
    const { client, clock, expectRun } = await environmentFor(t, { order, imports })
    const { runId } = await client.start('order', { context: { order: { amount: 7 } } })
    await clock.advance('50 seconds')
    assert.equal(answers.length, 1)
    await clock.advance('10 seconds')
    const { context } = await client.run(runId).result()
    assert.equal(context['_outputs.charge'].amount, 7)
    assert.match(context['_outputs.charge'].idempotencyKey, /^[\w-]{43}$/)
    await expectRun(runId).toHaveCompleted({ outputs: { ask: 'hello' } })
    const imported = await client.start('imports')
    await expectRun(imported).toHaveCompleted({ outputs: { pages: 'imported' } })
    assert.deepEqual([loaded.length, loaded[40], loaded[41], loaded[42], loaded.at(-1)], [101, 41, 42, 42, 100])
  },

  'docs/limits.md': async (t) => {
    const answers = [{ status: 429, retryAfterSeconds: 60 }, { text: 'one' }, { text: 'two' }]
    const scope = { model: async () => answers.shift(), fetchDocument: () => ({ output: 'document' }) }
    const blocks = blocksOf(await pageOf('docs/limits.md'), 'js')
    const looking = blocks.find((block) => block.includes('client.limits()'))
    const code = blocks.filter((block) => block !== looking).join('\n')
    const { options, summaries } = await programOf(`${code}\nreturn { options, summaries }`, Object.keys(scope))(scope)
    const { client, clock, expectRun, settle } = await environmentFor(t, { summaries }, { adapter: options })
    const first = await client.start('summaries', { context: { customerId: 'c7' } })
    await settle()
    const second = await client.start('summaries', { context: { customerId: 'c7' } })
    await clock.advance('50 seconds')
    assert.equal(answers.length, 2, 'both wait')
    const told = []
    await programOf(looking, ['client', 'console'])({ client, console: { log: (...line) => told.push(line) } })
    const [openai] = told
    assert.deepEqual([told.length, ...openai.slice(0, 5)], [2, 'openai', 0, 4, 1, 1])
    assert.ok(openai[5] > new Date(), 'it is paused')
    await clock.advance('11 seconds')
    for (const run of [first, second]) await expectRun(run).toHaveCompleted()
  },

  'docs/events.md': async (t) => {
    const { servers } = await environmentFor(t, {}, { workers: 0 })
    const registry = Object.fromEntries(counting.getFunctionRegistry())
    const runtimeOptions = { blueprints: { counting: counting.toBlueprint() }, registry, logger: new NullLogger() }
    const options = { ...servers, runtimeOptions }
    await runs('docs/events.md', { RabbitMqAdapter, options, counting, assert })
  },

  'docs/contexts.md': async (t) => {
    const env = await environmentFor(t, {})
    const { pgClient, contextTableName, statusTableName } = env.servers
    const scope = { pgClient, contextTableName, statusTableName }
    const code = blocksOf(await pageOf('docs/contexts.md'), 'js').join('\n')
    const { flow } = await programOf(`${code}\nreturn { flow }`, Object.keys(scope), {
      'node:timers/promises': timers,
    })(scope)
    const { client, expectRun } = await environmentFor(t, { import: flow })
    const { runId } = await client.start('import')
    await expectRun(runId).toHaveCompleted({ outputs: { load: 'loaded', watch: 'it is loaded' } })
    const steps = await migrationStatus({ pgClient, contextTableName, statusTableName })
    assert.ok(steps.length > 0 && steps.every(({ done }) => done))
  },

  'docs/migrations.md': async (t) => {
    const { pgClient, contextTableName, statusTableName } = (await environmentFor(t, {})).servers
    await runs('docs/migrations.md', { pgClient, contextTableName, statusTableName })
    const steps = await migrationStatus({ pgClient, contextTableName, statusTableName })
    assert.ok(steps.length > 0 && steps.every(({ done }) => !done))
  },

  'docs/errors.md': async (t) => {
    const { adapter, client, settle } = await environmentFor(t, { counting })
    const { runId } = await client.start('counting')
    await settle()
    const answered = []
    await runs('docs/errors.md', { adapter, runId, reply: { status: (code) => answered.push(code) } })
    assert.deepEqual(answered, [409])
    await assert.rejects(() => runs('docs/errors.md', { adapter, runId: 'none', reply: {} }), { code: 'RUN_NOT_FOUND' })
  },

  'docs/failures.md': async (t) => {
    const { adapter, client, settle } = await environmentFor(t, { counting }, { adapter: { blueprintTimeout: 0 } })
    await adapter.enqueueJob({ runId: 'lost', blueprintId: 'nobody has it', nodeId: 'any' })
    await settle()
    const [letter] = await adapter.listDeadLetters()
    const said = []
    const log = (...words) => said.push(words)
    await runs('docs/failures.md', { adapter, ids: [letter.id], console: { log } })
    assert.deepEqual(said, [[letter.reason, letter.job]])
    await assert.rejects(() => client.run('none').describe(), { code: 'RUN_NOT_FOUND' })
  },

  'docs/operations.md': async (t) => {
    let fails = true
    const order = createFlow('order')
      .node('charge', () => (fails ? Promise.reject(new Error('declined')) : { output: 'charged' }))
      .wait('approval')
      .edge('charge', 'approval')
    const { adapter, client, expectRun, servers } = await environmentFor(t, { order })
    await client.start('order', { runId: 'order-18' })
    await expectRun('order-18').toHaveFailed()
    fails = false
    for (const runId of ['order-17', 'order-19']) await client.start('order', { runId })
    await expectRun('order-17').toAwait('approval')
    const { pgClient, statusTableName } = servers
    await runs('docs/operations.md', { adapter, pgClient, statusTableName })
    await expectRun('order-17').toHaveBeenCancelled()
    await expectRun('order-18').toAwait('approval')
  },

  'docs/security.md': async (t) => {
    const { servers } = await environmentFor(t, {})
    const options = { ...servers, runtimeOptions: { blueprints: {}, registry: {} } }
    const readFile = () => pageOf('__test__/security/certificates/ca.pem')
    const urls = { amqpUrl: 'amqps://localhost', databaseUrl: 'postgres://localhost/shop', redisHost: 'localhost' }
    const scope = {
      RabbitMqAdapter,
      RedisCoordinationStore,
      options,
      readFile,
      caFile: 'ca.pem',
      password: 'pass',
      ...urls,
    }
    await runs('docs/security.md', scope)
  },

  'docs/encryption.md': async (t) => {
    const { servers } = await environmentFor(t, {})
    const options = { ...servers, runtimeOptions: { blueprints: {}, registry: {}, logger: new NullLogger() } }
    const [key, newKey] = [randomBytes(32), randomBytes(32)]
    const sealed = new Map()
    const box = {
      seal: (json, place) => {
        sealed.set(`sealed ${sealed.size}`, [json, place])
        return [...sealed.keys()].at(-1)
      },
      has: (text) => sealed.has(text),
      open: (text, place) => {
        assert.equal(sealed.get(text)[1], place)
        return sealed.get(text)[0]
      },
    }
    const process = { env: { PAYMENTS_KEY: key.toString('base64') } }
    const scope = { options, servers, key, newKey, box, process }
    const code = blocksOf(await pageOf('docs/encryption.md'), 'js').join('\n')
    const all = `${code}\nreturn { codec, partly, first, then, own }`
    const made = await programOf(all, Object.keys(scope))(scope)
    const counted = createFlow('counted').node('only', async ({ context }) => ({ output: await context.get('tenant') }))
    for (const codec of Object.values(made)) {
      const { client, expectRun } = await environmentFor(t, { counted }, { adapter: { codec } })
      const { runId } = await client.start('counted', { context: { tenant: 'a' } })
      await expectRun(runId).toHaveCompleted({ outputs: { only: 'a' } })
    }
  },

  'docs/managed-servers.md': async (t) => {
    const { servers } = await environmentFor(t, {})
    const options = {
      ...servers,
      amqpConnection: 'amqp://localhost',
      coordinationStore: new RedisCoordinationStore('redis://localhost'),
      runtimeOptions: { blueprints: {}, registry: {} },
    }
    const [pooledUrl, directUrl] = ['postgres://pooler:6432/shop', 'postgres://db:5432/shop']
    await runs('docs/managed-servers.md', { RabbitMqAdapter, options, pooledUrl, directUrl })
  },

  'docs/sizing.md': async () => {
    const page = await pageOf('docs/sizing.md')
    const said = []
    await runs('docs/sizing.md', { console: { log: (...words) => said.push(...words) } })
    const shown = inspect(said[0]).replaceAll(/^/gm, '    ')
    assert.ok(page.includes(shown), shown)
    const results = (await pageOf('bench/RESULTS.md')).split('\n')
    for (const [constant, figure] of Object.entries(CONSTANTS)) {
      const [, measured] = results.find((row) => row.includes(`| ${figure} |`)).match(/\| .*? \| .*? \| ([\d.]+) /)
      assert.match(page, new RegExp(`^\\| ${constant} +\\| ${measured.replace('.', '\\.')} `, 'm'), constant)
    }
  },

  'docs/moving-from-bullmq.md': async (t) => {
    const [block] = blocksOf(await pageOf('docs/moving-from-bullmq.md'), 'js')
    const build = await programOf(`${block}\nreturn build`, ['createFlow'])({ createFlow })
    const { client, expectRun } = await environmentFor(t, { build })
    const run = await client.start('build', { context: { branch: 'main' } })
    await expectRun(run).toHaveCompleted({ outputs: { publish: ['linted main', 'tested main'] } })
  },

  'docs/observability.md': async (t) => {
    const { adapter } = await environmentFor(t, { counting })
    let handler
    const http = { createServer: (given) => ({ listen: () => (handler = given) }) }
    await runs('docs/observability.md', { adapter, http })
    const answers = []
    const response = { setHeader() {}, writeHead: (status) => answers.push(status), end() {} }
    handler({ method: 'GET', url: '/ready' }, response)
    assert.deepEqual(answers, [200])
  },

  'docs/schedules.md': async () => {
    const said = []
    const page = await pageOf('docs/schedules.md')
    await runs('docs/schedules.md', { console: { log: (...words) => said.push(words.join(' ')) } })
    const promised = [...page.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, words]) => words)
    assert.ok(promised.length >= 5)
    assert.deepEqual(said, promised)
  },

  'docs/servers.md': async (t) => {
    const { servers } = await environmentFor(t, {})
    const options = { ...servers, runtimeOptions: { blueprints: {}, registry: {} } }
    await runs('docs/servers.md', { RabbitMqAdapter, RedisCoordinationStore, options })
  },
}

describe('the code of', () => {
  for (const [page, run] of Object.entries(HERE)) it(page, run)

  it('every page is run by a test', async () => {
    const withCode = []
    for (const page of await pages()) if (blocksOf(await pageOf(page), 'js', 'ts').length > 0) withCode.push(page)
    assert.deepEqual(withCode.sort(), [...Object.keys(ELSEWHERE), ...Object.keys(HERE)].sort())
    for (const [page, test] of Object.entries(ELSEWHERE)) {
      assert.ok((await pageOf(test)).includes(page), `${test} does not name ${page}`)
    }
  })
})
