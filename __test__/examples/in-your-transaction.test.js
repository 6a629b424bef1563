// The example of starts within transactions, on servers: a copy of it, with the libraries that it names and this repository has not.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { onServers, urls } from '../fixtures/which-servers.js'
import { folder, repository } from './examples.js'

const run = promisify(execFile)
const QUIET = { npm_config_audit: 'false', npm_config_fund: 'false', npm_config_prefer_offline: 'true' }
/** What this repository has. */
const OURS = ['@flowcraft/rabbitmq-adapter', 'flowcraft']

/** A copy of the example with its libraries in it, removed with the test. */
async function installed(t) {
  const path = await mkdtemp(join(tmpdir(), 'in-your-transaction-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  await cp(join(folder, 'in-your-transaction'), path, {
    recursive: true,
    filter: (source) => !/[\\/](node_modules|dist)$/.test(source),
  })
  const manifest = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'))
  const named = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
  const dependencies = Object.fromEntries(named.filter(([name]) => !OURS.includes(name)))
  await writeFile(join(path, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  // The scripts would download what only Prisma's migrations need.
  await run('npm', ['install', '--ignore-scripts'], { cwd: path, env: { ...process.env, ...QUIET } })
  await mkdir(join(path, 'node_modules', '@flowcraft'), { recursive: true })
  await symlink(repository, join(path, 'node_modules', OURS[0]), 'junction')
  await symlink(join(repository, 'node_modules', OURS[1]), join(path, 'node_modules', OURS[1]), 'junction')
  return path
}

it('a start in your own transaction, by pg, Drizzle, Knex, Kysely and Prisma', onServers('transactions'), async (t) => {
  const path = await installed(t)
  const offline = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
  const env = { ...process.env, ...offline, NODE_TEST_CONTEXT: undefined }
  await run(process.execPath, [join('node_modules', 'prisma', 'build', 'index.js'), 'generate'], { cwd: path, env })
  const servers = { SERVERS: '1', AMQP_URL: urls.amqp, DATABASE_URL: urls.direct, REDIS_URL: urls.redis }
  const tests = run(process.execPath, ['--test', '--test-reporter=tap'], { cwd: path, env: { ...env, ...servers } })
  const { stdout } = await tests.catch((error) => assert.fail(`${error.stdout}${error.stderr}`))
  assert.match(stdout, /^# pass 10$/m)
  assert.match(stdout, /^# skipped 0$/m)
})
