// The package as npm would publish it from here: packed once, for the tests of its contents.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)
export const repository = fileURLToPath(new URL('../..', import.meta.url))

/** A folder with the tarball, what is in it, and a place for empty projects. */
export async function pack() {
  const folder = await mkdtemp(join(tmpdir(), 'flowcraft-packed-'))
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [{ filename, files }] = JSON.parse((await run('npm', args, { cwd: repository })).stdout)
  return {
    folder,
    tarball: join(folder, filename),
    files,
    /** An empty project: its package.json. */
    async project(name, manifest = {}) {
      const path = join(folder, name)
      await mkdir(path)
      await writeFile(join(path, 'package.json'), JSON.stringify({ name, private: true, type: 'module', ...manifest }))
      return path
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

/** A program that runs a workflow on memory and says what came of it. */
export const PROGRAM = `
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow, NullLogger } from 'flowcraft'
const flow = createFlow('greeting').node('hello', async ({ context }) => ({ output: 'hello ' + (await context.get('name')) }))
const worker = new RabbitMqAdapter({
  amqpConnection: 'memory:',
  pgClient: 'memory:',
  coordinationStore: new RedisCoordinationStore('memory:'),
  contextTableName: 'contexts',
  statusTableName: 'statuses',
  runtimeOptions: {
    blueprints: { greeting: flow.toBlueprint() },
    registry: Object.fromEntries(flow.getFunctionRegistry()),
    logger: new NullLogger(),
  },
})
worker.start()
const run = await worker.client.start('greeting', { context: { name: 'Ada' } })
const { context } = await run.result({ timeoutMs: 20_000 })
await worker.stop()
const env = await createTestEnvironment({ flows: { greeting: flow } })
await env.expectRun(await env.client.start('greeting')).toHaveCompleted()
await env.close()
console.log(context['_outputs.hello'])
`
