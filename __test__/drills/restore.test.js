// The drills of docs/backups.md: PostgreSQL restored behind the broker, and the broker behind PostgreSQL. The commands are those
// of the page. They need a broker and a database that nobody else uses.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createRabbitMqClient, createRabbitMqReconciler, migrate, RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { findPrograms } from '../../scripts/servers/programs.js'
import { blocksOf, pageOf, programOf } from '../fixtures/pages.js'
import { openPrivateServers, until } from '../fixtures/private-servers.js'

const run = promisify(execFile)
const QUEUE = 'flowcraft-jobs'
const TABLES = { contextTableName: 'flowcraft_contexts', statusTableName: 'flowcraft_statuses' }

/** What nodes did outside, by the key that a second time has too. */
const done = []
const note =
  (what) =>
  async ({ context, dependencies }) => {
    done.push(`${what} ${dependencies.runtime.executionId}`)
    return { output: `${what}, ${await context.get('amount')}` }
  }
const times = (what) => done.filter((each) => each === what).length

const flows = {
  order: createFlow('order')
    .node('charge', note('charged'))
    .wait('approval')
    .node('ship', note('shipped'))
    .edge('charge', 'approval')
    .edge('approval', 'ship'),
  nap: createFlow('nap').sleep('asleep', { duration: 1_500 }).node('awake', note('awake')).edge('asleep', 'awake'),
}

let servers
let client
let options
let commands
before(async () => {
  servers = await openPrivateServers()
  await servers.sql(`CREATE TABLE flowcraft_contexts (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL);
    CREATE TABLE flowcraft_statuses
      (run_id TEXT PRIMARY KEY, status TEXT, status_data JSONB, updated_at TIMESTAMPTZ DEFAULT NOW())`)
  const flow = {
    blueprints: Object.fromEntries(Object.entries(flows).map(([id, each]) => [id, each.toBlueprint()])),
    registry: Object.fromEntries(Object.values(flows).flatMap((each) => [...each.getFunctionRegistry()])),
  }
  servers.queue = QUEUE
  options = { ...servers.settings(flow), ...TABLES }
  await migrate({ pgClient: servers.urls.direct, ...TABLES })
  const { runtimeOptions, leaseSeconds, repairInterval, stopTimeout, ...rest } = options
  client = createRabbitMqClient({ ...rest, blueprints: flows })
  commands = await commandsOfPage()
})
after(async () => {
  await commands?.close()
  await client?.close()
  await servers?.close()
})

/** A worker that has begun. */
function worker() {
  const adapter = new RabbitMqAdapter(options)
  adapter.start()
  return adapter
}

const ids = (name, count = 3) => Array.from({ length: count }, (_, index) => `${name}-${index}`)
const start = (name, blueprint = 'order') =>
  client.startMany(
    blueprint,
    ids(name).map((runId) => ({ runId, context: { amount: 42 } })),
  )
const becomes = (name, status) =>
  Promise.all(
    ids(name).map((id) =>
      until(async () => (await client.run(id).describe()).status === status, { what: `${id} to be ${status}` }),
    ),
  )
const decide = (name) => Promise.all(ids(name).map((id) => client.run(id).resume({ output: 'yes' })))

/** The commands of docs/backups.md, as they stand there: with `rabbitmqctl` for the broker of this test. */
async function commandsOfPage() {
  const page = await pageOf('docs/backups.md')
  const lines = [...page.matchAll(/^ +((?:pg_\w+|rabbitmqctl) .*)$/gm)].map(([, line]) => line)
  const folder = await mkdtemp(join(tmpdir(), 'flowcraft-drill-'))
  const bridge = createServer(async (request, response) => {
    const printed = await servers.rabbitmq.ctl(...(await json(request))).catch((error) => error)
    response.writeHead(printed instanceof Error ? 500 : 200).end(String(printed))
  }).listen(0, '127.0.0.1')
  await once(bridge, 'listening')
  const program = `#!/usr/bin/env node
fetch('http://127.0.0.1:${bridge.address().port}', { method: 'POST', body: JSON.stringify(process.argv.slice(2)) })
  .then(async (answer) => { console.log(await answer.text()); process.exitCode = answer.ok ? 0 : 1 })\n`
  await writeFile(join(folder, 'rabbitmqctl'), program)
  await chmod(join(folder, 'rabbitmqctl'), 0o755)
  const PATH = [folder, findPrograms().postgres.postgres, process.env.PATH].join(':')
  const env = { ...process.env, PATH, DATABASE_URL: servers.urls.direct }
  return {
    /** Runs the command that has this in it. */
    async run(part) {
      const line = lines.find((each) => each.includes(part)) ?? assert.fail(`the page has no command ${part}`)
      await run('bash', ['-euo', 'pipefail', '-c', line], { cwd: folder, env })
    },
    async close() {
      bridge.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** The messages that wait in the queue, left there. */
async function waiting() {
  const connection = await amqplib.connect(servers.urls.amqp)
  const channel = await connection.createChannel()
  const bodies = []
  for (let message = await channel.get(QUEUE); message; message = await channel.get(QUEUE)) bodies.push(message.content)
  await connection.close()
  return bodies
}

describe('PostgreSQL is restored, older than the broker', () => {
  it('every run of the backup goes on from there, and the others can be started again', async () => {
    let adapter = worker()
    for (const name of ['waits', 'shipped']) await start(name)
    await Promise.all(['waits', 'shipped'].map((name) => becomes(name, 'awaiting')))
    await decide('shipped')
    await becomes('shipped', 'completed')
    await start('nap', 'nap')
    await Promise.all(ids('nap').map((id) => until(async () => (await client.run(id).describe()).status !== 'running')))
    await commands.run('pg_dump')

    // The world goes on: decisions, new runs, timers, and messages that nobody has taken yet.
    await decide('waits')
    await becomes('waits', 'completed')
    await becomes('nap', 'completed')
    await start('late')
    await becomes('late', 'awaiting')
    await adapter.stop()
    await start('queued')
    assert.equal((await waiting()).length, 3)

    await commands.run('pg_restore')
    await commands.run('purge_queue')
    await commands.run('delete_queue').catch(() => {}) // there may be none
    adapter = worker()
    await becomes('shipped', 'completed')
    await becomes('waits', 'awaiting')
    for (const name of ['late', 'queued']) {
      for (const id of ids(name)) await assert.rejects(client.run(id).describe(), { code: 'RUN_NOT_FOUND' })
    }
    // A timer is found within a minute; whoever does not wait for that has it published at once.
    await until(async () => {
      await createRabbitMqReconciler({
        adapter,
        pgClient: servers.urls.direct,
        statusTableName: TABLES.statusTableName,
        stalledThresholdSeconds: 1,
      }).run()
      return (await client.run('nap-0').describe()).status !== 'awaiting'
    })

    const [again] = blocksOf(await pageOf('docs/backups.md'), 'js')
    const said = []
    const ordersSinceTheBackup = [...ids('waits'), ...ids('late'), ...ids('queued')].map((id) => ({ id, amount: 42 }))
    await programOf(again, ['client', 'ordersSinceTheBackup', 'console'])({
      ...{ client, ordersSinceTheBackup },
      console: { log: (line) => said.push(line.split(' ')[0]) },
    })
    assert.deepEqual(said.sort(), [...ids('late'), ...ids('queued')])
    for (const name of ['waits', 'late', 'queued']) {
      await becomes(name, 'awaiting')
      await decide(name)
      await becomes(name, 'completed')
    }
    await becomes('nap', 'completed')
    await adapter.stop()

    // What was done before the backup is not done again; what was done after it is, under the same key.
    for (const id of ids('waits')) assert.deepEqual([times(`charged ${id}`), times(`shipped ${id}`)], [1, 2])
    for (const id of ids('shipped')) assert.deepEqual([times(`charged ${id}`), times(`shipped ${id}`)], [1, 1])
  })

  it('a message that was not purged begins a lost run without its context, which is why the page purges', async () => {
    await servers.publisher.publish(QUEUE, { runId: 'forgotten', blueprintId: 'order', nodeId: 'charge' })
    const adapter = worker()
    await until(() => times('charged forgotten') === 1)
    await adapter.stop()
  })
})

describe('the broker is older than PostgreSQL', () => {
  it('empty: workers publish what is due, and every run ends', async () => {
    await start('empty')
    await commands.run('purge_queue')
    assert.deepEqual(await waiting(), [])
    const adapter = worker()
    await becomes('empty', 'awaiting')
    await decide('empty')
    await becomes('empty', 'completed')
    await adapter.stop()
    for (const id of ids('empty')) assert.deepEqual([times(`charged ${id}`), times(`shipped ${id}`)], [1, 1])
  })

  it('from an old disk: its messages are of jobs that are done, and do nothing', async () => {
    await start('old')
    const messages = await waiting()
    const adapter = worker()
    await becomes('old', 'awaiting')
    await decide('old')
    await becomes('old', 'completed')
    for (const message of messages) await servers.publisher.publish(QUEUE, JSON.parse(message))
    await until(async () => (await servers.messages(QUEUE)).ready === 0)
    await adapter.stop()
    assert.deepEqual(await adapter.listDeadLetters(), [])
    for (const id of ids('old')) assert.deepEqual([times(`charged ${id}`), times(`shipped ${id}`)], [1, 1])
  })
})
