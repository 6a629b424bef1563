// docs/getting-started.md, done as it says: its files in an empty project, run and tested there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { blocksOf, pageOf } from '../fixtures/pages.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const env = { ...process.env, AMQP_URL: undefined, DATABASE_URL: undefined, REDIS_URL: undefined }

/** The files of the page: each block, by the name that the sentence before it has. */
async function filesOfPage() {
  const page = await pageOf('docs/getting-started.md')
  const parts = page.split(/Save this as /).slice(1)
  return parts.map((part) => [part.match(/^`([\w.]+)`/)[1], blocksOf(part, 'js')[0]])
}

describe('docs/getting-started.md', () => {
  let folder
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'getting-started-'))
    await mkdir(join(folder, 'node_modules', '@flowcraft'), { recursive: true })
    await symlink(root, join(folder, 'node_modules', '@flowcraft', 'rabbitmq-adapter'), 'junction')
    await symlink(join(root, 'node_modules', 'flowcraft'), join(folder, 'node_modules', 'flowcraft'), 'junction')
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    for (const [name, text] of await filesOfPage()) await writeFile(join(folder, name), text)
  })
  after(() => rm(folder, { recursive: true }))

  it('has four files', async () => {
    const names = (await filesOfPage()).map(([name]) => name)
    assert.deepEqual(names, ['flows.js', 'servers.js', 'main.js', 'order.test.js'])
  })

  it('shows what its program prints', async () => {
    const { stdout } = await run(process.execPath, ['main.js'], { cwd: folder, env })
    const lines = stdout.split('\n')
    assert.ok(lines.includes('awaiting') && lines.includes('shipped, approved by Ada'), stdout)
    assert.match(await pageOf('docs/getting-started.md'), /^ {4}shipped, approved by Ada$/m)
  })

  it('has a test that passes', async () => {
    await run(process.execPath, ['--test', 'order.test.js'], {
      cwd: folder,
      env: { ...env, NODE_TEST_CONTEXT: undefined },
    })
  })
})
