// Each example is a project of its own that can be copied: it says what it is, names what it needs, and its test passes. They
// run on memory; FLOWCRAFT_EXAMPLES=servers has those that can run on the servers of AMQP_URL, DATABASE_URL and REDIS_URL.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { tool } from '../../scripts/testing/run.js'
import { examples, filesOf, linkPackage, repository } from './examples.js'

const run = promisify(execFile)
const NO_SERVERS = { AMQP_URL: undefined, DATABASE_URL: undefined, REDIS_URL: undefined }

/** The variables of an example's test: with the servers, where they are wished and it can run on them. */
function variables({ manifest }) {
  const onServers = process.env.FLOWCRAFT_EXAMPLES === 'servers' && manifest.scripts['test:servers']
  return { ...process.env, NODE_TEST_CONTEXT: undefined, ...(onServers ? { SERVERS: '1' } : NO_SERVERS) }
}

/** For one example: far more than it takes on a slow machine. */
const LONGEST = 120_000

const projects = await examples()

/** Runs a program of a project; what it printed when it failed. */
async function succeeds(project, args) {
  await run(process.execPath, args, { cwd: project.path, env: variables(project), timeout: LONGEST }).catch(
    ({ stdout, stderr }) => assert.fail(`${stdout}${stderr}`),
  )
}

/** The packages that the code of a project imports. */
async function importsOf(project) {
  const code = (await filesOf(project)).filter((file) => /\.[jt]s$/.test(file))
  const texts = await Promise.all(code.map((file) => readFile(file, 'utf8')))
  const names = texts.flatMap((text) => [...text.matchAll(/^(?:import|\} from|import .* from) ?'([^.'][^']*)'/gm)])
  return new Set(
    names
      .map(([, name]) => name)
      .filter((name) => !isBuiltin(name))
      .map((name) => name.match(/^(@[^/]+\/)?[^/]+/)[0]),
  )
}

describe('the examples', () => {
  before(linkPackage)

  it('are there', () => assert.ok(projects.length >= 7, projects.map(({ name }) => name).join()))

  for (const project of projects) {
    const { name, manifest } = project
    it(`${name}: its tests pass`, async () => {
      const isTyped = manifest.scripts.test.startsWith('tsc')
      if (isTyped) await succeeds(project, [tool('typescript/bin/tsc')])
      await succeeds(project, ['--test', ...(isTyped ? ['dist/app.test.js'] : [])])
    })

    it(`${name}: says what it is, and names what it needs`, async () => {
      const readme = await readFile(join(project.path, 'README.md'), 'utf8')
      assert.match(readme, /^# .+\n\n\S/)
      assert.equal(manifest.name, name)
      const named = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
      for (const needed of await importsOf(project)) assert.ok(named.includes(needed), `it imports ${needed}`)
    })

    it(`${name}: is tested with the versions that it names`, async () => {
      const { devDependencies, version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
      const tested = { ...devDependencies, '@flowcraft/rabbitmq-adapter': `^${version}` }
      for (const [needed, range] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
        if (needed in tested) assert.equal(range, tested[needed], needed)
      }
    })
  }
})

describe('the order service', () => {
  it('has less than a hundred lines of glue', async () => {
    const files = ['api.js', 'main.js'].map((file) =>
      readFile(join(repository, 'examples/order-service', file), 'utf8'),
    )
    const lines = (await Promise.all(files)).join('').split('\n').length - 1
    assert.ok(lines < 100, `${lines} lines`)
  })
})
