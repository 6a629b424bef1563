// Whoever is no worker: runs again from a node, schedules, the dashboard and the command line decode with the codec, and say
// without it that a value is encrypted.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { migrate, ValueUnreadableError } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'
import { cliOf } from '../cli/support/cli.js'
import { clientFor } from '../client/support/clients.js'
import { ask, serve } from '../dashboard/support/board.js'
import { onServers, openSharedServers, sharedServersFor, urls } from '../fixtures/shared-servers.js'
import { codecOf, heldBy, KEYS, SECRET, secret } from './support.js'

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

const timeoutMs = 20_000
const line = () =>
  createFlow('line')
    .node('read', async ({ context }) => ({ output: await context.get('card') }))
    .node('check', async ({ input, context }) => {
      await context.set('checked', input)
      return { output: { checked: input } }
    })
    .node('tell', async ({ input, context }) => ({
      output: [input, await context.get('card'), await context.get('read')],
    }))
    .edge('read', 'check')
    .edge('check', 'tell')

/** A run that has ended, with its worker and client. */
async function ended(t, codec) {
  const worker = await servers.workerFor(t, line(), { codec })
  const client = clientFor(t, servers, line(), { codec })
  const run = await client.start('line', { context: { card: secret('card') } })
  await run.result({ timeoutMs })
  servers.known = [run.runId]
  return { worker, client, run }
}

describe('a run again from a node', () => {
  it('has the values of the first one, encrypted for itself', async (t) => {
    const { run } = await ended(t, codecOf())
    const again = await run.rerunFrom('tell', { context: { added: secret('added') }, input: secret('input') })
    const { context } = await again.result({ timeoutMs })
    assert.deepEqual(context['_outputs.tell'], [secret('input'), secret('card'), secret('card')])
    assert.deepEqual(context.added, secret('added'))
    assert.deepEqual(await again.origin(), { runId: run.runId, nodeId: 'tell' })
    servers.known.push(again.runId)
    assert.ok(!(await heldBy(servers)).includes(SECRET))
    const [one, two] = await servers.lookAtMany([run.runId, again.runId])
    assert.notDeepEqual(one.context.card, two.context.card)
  })

  it('is refused by a client that cannot read them, and of a run without encryption it encrypts', async (t) => {
    const { run } = await ended(t, codecOf())
    const blind = clientFor(t, servers, line())
    const error = await blind
      .run(run.runId)
      .rerunFrom('tell')
      .then(assert.fail, (caught) => caught)
    assert.ok(error instanceof ValueUnreadableError && error.code === 'VALUE_KEY_MISSING', error.stack)
    const plain = await ended(t, undefined)
    await plain.worker.stop()
    const worker = servers.adapter(line(), { codec: codecOf() })
    t.after(() => worker.stop())
    const client = clientFor(t, servers, line(), { codec: codecOf() })
    const again = await client.run(plain.run.runId).rerunFrom('tell')
    await again.result({ timeoutMs })
    servers.known = [again.runId]
    const { context } = await servers.look(again.runId)
    assert.equal(typeof context.card['_flowcraft.encrypted'], 'string')
    assert.ok(!JSON.stringify(context).includes(SECRET))
  })
})

describe('a schedule', () => {
  const flow = () => createFlow('ticking').node('tick', async ({ context }) => ({ output: await context.get('card') }))

  it('gives its runs what it has, and no other schedule’s', async (t) => {
    const own = await sharedServersFor(t)
    const { contextTable: contextTableName, statusTable: statusTableName } = own
    await migrate({ pgClient: urls.database, contextTableName, statusTableName })
    own.migrated = contextTableName
    const codec = codecOf()
    const worker = await own.workerFor(t, flow(), { codec })
    const client = clientFor(t, own, flow(), { codec })
    const timing = { everyMs: 3_600_000, blueprintId: 'ticking' }
    const [id, other] = [own.runId(), own.runId()]
    const made = await client.schedules.create({ id, ...timing, context: { card: secret('card') } })
    await client.schedules.create({ id: other, ...timing, context: { card: secret('other') } })
    assert.deepEqual(made.context.card, secret('card'))
    const run = await client.schedules.trigger(id)
    assert.deepEqual((await run.result({ timeoutMs })).context['_outputs.tick'], secret('card'))
    own.known = [run.runId]
    assert.ok(!(await heldBy(own)).includes(SECRET))

    const blind = clientFor(t, own, flow())
    const { schedules } = await blind.schedules.list()
    const seen = schedules.find(({ scheduleId }) => scheduleId === id)
    assert.deepEqual(Object.keys(seen.context.card), ['_flowcraft.encrypted'])
    const lacking = clientFor(t, own, flow(), { codec: codecOf('k2', { keys: { k2: KEYS.k2 } }) })
    assert.equal((await lacking.schedules.describe(id)).context.card['_flowcraft.encrypted'].as, 'schedule')

    await worker.stop()
    const [waiting, foreign] = [await client.schedules.trigger(id), await client.schedules.trigger(other)]
    const { context } = await own.look(foreign.runId)
    const mine = await own.look(waiting.runId)
    await own.replaceContext(waiting.runId, { ...mine.context, card: context.card })
    worker.start()
    await assert.rejects(waiting.result({ timeoutMs }), /moved there from another key or run/)
    assert.deepEqual((await foreign.result({ timeoutMs })).context['_outputs.tick'], secret('other'))
  })
})

describe('the dashboard', () => {
  it('shows and copies what the client can read, hides what `redact` says, and says of the rest that it is encrypted', async (t) => {
    const codec = codecOf()
    const { client, run } = await ended(t, codec)
    const blind = clientFor(t, servers, line())
    const shown = async (options, query) => {
      const url = await serve(t, options)
      const { status, body } = await ask(`${url}/api/${query}`)
      assert.equal(status, 200, JSON.stringify(body))
      return JSON.stringify(body)
    }
    const id = encodeURIComponent(run.runId)
    const card = encodeURIComponent('["card"]')
    const number = encodeURIComponent('["card","number"]')
    for (const query of [
      `run/context?id=${id}`,
      `run/context?id=${id}&path=${card}`,
      `run/context?id=${id}&path=${number}`,
      `run/copy?id=${id}`,
      `run/copy?id=${id}&path=${card}`,
    ]) {
      assert.ok((await shown({ client }, query)).includes(SECRET), query)
      const redact = (path, value) => (path[0] === 'card' ? '(a card)' : value === SECRET ? '(a number)' : value)
      assert.ok(!(await shown({ client, redact }, query)).includes(SECRET), query)
      const without = await shown({ client: blind }, query)
      assert.ok(!without.includes(SECRET) && !without.includes('A1.k1'), without)
      if (!query.includes('number')) assert.ok(without.includes('[encrypted]'), without)
    }
  })
})

describe('a test environment', () => {
  it('takes the codec for its workers and its client', async (t) => {
    const env = await createTestEnvironment({ flows: { line: line() }, adapter: { codec: codecOf() } })
    t.after(() => env.close())
    const run = await env.client.start('line', { context: { card: secret('card') } })
    const { context } = await run.result({ timeoutMs })
    assert.deepEqual(context['_outputs.read'], secret('card'))
  })
})

describe('the command line', onServers('it is a process of its own'), () => {
  it('decodes with a module that exports the codec, and never crashes without', async (t) => {
    const { run } = await ended(t, codecOf())
    const folder = await mkdtemp(join(tmpdir(), 'codec-'))
    t.after(() => rm(folder, { recursive: true }))
    const adapter = import.meta.resolve('@flowcraft/rabbitmq-adapter')
    const module = join(folder, 'codec.mjs')
    const key = KEYS.k1.toString('base64')
    const codec = `createAesCodec({ keys: { k1: '${key}' }, current: 'k1' })`
    await writeFile(module, `import { createAesCodec } from '${adapter}'\nexport const codec = ${codec}\n`)
    await writeFile(join(folder, 'none.mjs'), 'export const flows = {}\n')
    const cli = cliOf(servers)
    for (const line of [
      ['runs', 'show', run.runId, '--with-context'],
      ['runs', 'result', run.runId],
    ]) {
      const seen = await cli([...line, '--codec', module])
      assert.deepEqual([seen.code, seen.stdout.includes(SECRET)], [0, true], seen.stderr)
      const unseen = await cli(line)
      assert.deepEqual([unseen.code, unseen.stdout.includes('[encrypted]')], [0, true], unseen.stderr)
      assert.ok(!unseen.stdout.includes(SECRET))
    }
    const wrong = await cli(['runs', 'result', run.runId, '--codec', join(folder, 'none.mjs')])
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /exports no codec/)
    await writeFile(join(folder, '.flowcraft.json'), JSON.stringify({ rabbitmq: { codec: './codec.mjs' } }))
    const byFile = await cliOf(servers, { cwd: folder })(['runs', 'result', run.runId])
    assert.ok(byFile.stdout.includes(SECRET), byFile.stderr)
  })
})
