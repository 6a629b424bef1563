// The package as a user gets it: the packed tarball, installed into an empty project where no Rust is in
// reach, running the usage example of the original's page as it stands but for its placeholders.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { openSharedServers, STATUS_TABLES, urls } from '../fixtures/shared-servers.js'
import { WorkerProcess } from '../fixtures/worker-process.js'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const { devDependencies: versions } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
const quiet = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false', npm_config_prefer_offline: 'true' }

let folder
let tarball
/** A project without any of the optional peers. */
let bare
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowcraft-package-'))
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: repository,
    env: quiet,
  })
  tarball = join(folder, JSON.parse(stdout)[0].filename)
  bare = await project('bare', ['flowcraft'])
})
after(() => rm(folder, { recursive: true, force: true }))

/** An empty project with the tarball and these packages in it. */
async function project(name, packages) {
  const path = join(folder, name)
  await mkdir(path)
  await writeFile(join(path, 'package.json'), JSON.stringify({ name, private: true, type: 'module' }))
  const wanted = packages.map((wantedName) => `${wantedName}@${versions[wantedName]}`)
  await run('npm', ['install', tarball, ...wanted], { cwd: path, env: quiet })
  return path
}

/** Only Node.js on the path: no cargo, no compiler. */
const withoutRust = { ...process.env, PATH: dirname(process.execPath), HOME: tmpdir() }

const BLUEPRINT = `demo: { id: 'demo', nodes: [{ id: 'hello', uses: 'hello' }, { id: 'world', uses: 'world' }], edges: [{ source: 'hello', target: 'world' }] }`
const REGISTRY = `hello: async () => ({ output: 'hello' }), world: async ({ input }) => ({ output: input + ' world' })`

describe('the tarball', () => {
  let path
  before(async () => {
    path = await project('user', ['flowcraft', 'amqplib', 'pg', 'ioredis'])
  })

  it('holds what runs, and no source of the engine', async () => {
    const { stdout } = await run('tar', ['tzf', tarball])
    const files = stdout.split('\n').filter(Boolean)
    assert.ok(files.some((file) => file.endsWith('.node')) && files.includes('package/dist/index.js'))
    assert.ok(!files.some((file) => /\.(rs|toml)$|__test__|scripts\//.test(file)), files.join('\n'))
  })

  for (const [kind, live] of [
    ['live objects', true],
    ['URLs', false],
  ]) {
    for (const shape of Object.keys(STATUS_TABLES)) {
      it(`runs the page’s example with ${kind} on the ${shape}’s status table`, async () => {
        const servers = await openSharedServers({ statusTable: shape })
        const page = await readFile(join(here, 'page-example.js'), 'utf8')
        let example = page
          .replace('/* your workflow blueprints */', BLUEPRINT)
          .replace('/* your node implementations */', REGISTRY)
          .replace('amqp://localhost', urls.amqp)
          .replace('postgresql://user:pass@host:5432/db', urls.database)
          .replace('YOUR_REDIS_CONNECTION_STRING', urls.redis)
          .replace("'flowcraft_contexts'", `'${servers.contextTable}'`)
          .replace("'flowcraft_statuses'", `'${servers.statusTable}'`)
          .replace("'flowcraft-jobs'", `'${servers.queue}'`)
        if (!live) {
          example = example
            .replace(/await amqplib.connect\((.*)\)/, '$1')
            .replace(/new PgClient\({ connectionString: (.*) }\)\nawait .*/, '$1')
            .replace(/new Redis\((.*)\)/, '$1')
            .replace(/^import .* from '(amqplib|pg|ioredis)'\n/gm, '')
        }
        const file = join(path, `example-${live ? 'live' : 'urls'}-${shape}.js`)
        await writeFile(file, example)
        const worker = new WorkerProcess(pathToFileURL(file), { cwd: path, env: withoutRust })
        try {
          await servers.pg.query(`INSERT INTO ${servers.contextTable} VALUES ('first', '{}')`)
          await servers.send({ runId: 'first', blueprintId: 'demo', nodeId: 'hello' })
          const { status, result } = await servers.settled('first').catch((error) => {
            throw new Error(`${error.message}\n${worker.printed}`)
          })
          assert.equal(status, 'completed')
          assert.equal(result.payload.context['_outputs.world'], 'hello world')
          assert.match(worker.printed, /Flowcraft worker with RabbitMQ adapter is running/)
        } finally {
          assert.deepEqual(await worker.stop('SIGTERM', 10_000), { code: null, signal: 'SIGTERM' })
          await servers.close()
        }
      })
    }
  }

  it('runs the command line, also where none of the optional peers is', async () => {
    const servers = await openSharedServers()
    try {
      const env = { ...withoutRust, AMQP_URL: urls.amqp, DATABASE_URL: urls.database, REDIS_URL: urls.redis }
      const tables = ['--contexts', servers.contextTable, '--statuses', servers.statusTable, '--queue', servers.queue]
      const npx = (...args) =>
        run('npx', ['--no-install', 'flowcraft-rabbitmq', ...args], { cwd: bare, env }).catch((error) => error)
      const { code, stdout, stderr } = await npx('doctor', '-o', 'json', ...tables)
      const faults = JSON.parse(stdout || assert.fail(stderr)).findings.filter(({ level }) => level === 'fault')
      assert.deepEqual([code, faults.map(({ check }) => check)], [1, ['queue.consumers']])
      assert.equal(
        (await npx('--version')).stdout,
        `${JSON.parse(await readFile(join(repository, 'package.json'))).version}\n`,
      )
      assert.match((await npx('runs', 'list', '--help')).stdout, /flowcraft-rabbitmq runs list --status failed/)
    } finally {
      await servers.close()
    }
  })

  it('imports none of the optional peers by itself', async () => {
    const code = "import('@flowcraft/rabbitmq-adapter').then((m) => console.log(Object.keys(m).sort().join()))"
    const { stdout } = await run(process.execPath, ['-e', code], { cwd: bare, env: withoutRust })
    assert.equal(
      stdout.trim(),
      'ChildRunError,ConnectionError,FlowcraftAdapterError,HeartbeatTimeoutError,MissingKeyError,NotAwaitingError,PostgresContext,RabbitMqAdapter,RabbitMqClient,RedisCoordinationStore,RetryAfter,RunEndedError,RunExistsError,RunFailedError,RunNotFoundError,SetupError,ValueUnreadableError,childRun,createAesCodec,createRabbitMqClient,createRabbitMqReconciler,migrate,migrationStatus',
    )
  })
})

describe('its environment for tests', () => {
  it('runs a test where no server and no other package is', async () => {
    const page = await readFile(join(repository, 'docs', 'testing.md'), 'utf8')
    const [, example] = page.match(/```js\n([\s\S]*?)```/)
    const test = example.replace("from 'flowcraft'\n", "from 'flowcraft'\nimport { test } from 'node:test'\n")
    const [before, after] = test.split('\nconst bank')
    await writeFile(join(bare, 'order.test.js'), `${before}\ntest('an order', async () => {\nconst bank${after}\n})\n`)
    const { stdout } = await run(process.execPath, ['--test-reporter=tap', 'order.test.js'], {
      cwd: bare,
      env: { ...withoutRust, NODE_TEST_CONTEXT: undefined },
      timeout: 60_000,
    })
    assert.match(stdout, /# pass 1\n# fail 0/)
  })
})

describe('the types', () => {
  const tsc = join(repository, 'node_modules', 'typescript', 'bin', 'tsc')
  const tsconfig = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      module: 'nodenext',
      target: 'es2022',
      types: ['node'],
      noEmit: true,
    },
  }

  for (const [name, packages, fixtures] of [
    [
      'typed-with-peers',
      ['flowcraft', '@types/node', 'amqplib', 'pg', '@types/pg', 'ioredis'],
      ['urls.ts', 'client.ts', 'nodes.ts', 'runs.ts', 'testing.ts', 'live.ts'],
    ],
    [
      'typed-without-peers',
      ['flowcraft', '@types/node'],
      ['urls.ts', 'client.ts', 'nodes.ts', 'runs.ts', 'testing.ts'],
    ],
  ]) {
    it(`compile in a strict project (${name})`, async () => {
      const path = await project(name, packages)
      await writeFile(join(path, 'tsconfig.json'), JSON.stringify({ ...tsconfig, files: fixtures }))
      for (const fixture of fixtures) await cp(join(here, 'types', fixture), join(path, fixture))
      await run(process.execPath, [tsc, '-p', '.'], { cwd: path }).catch(({ stdout }) => assert.fail(stdout))
    })
  }
})
