// The site builds from the pages, and its search finds them. FLOWCRAFT_SITE=1, since it takes half a minute.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const skip = process.env.FLOWCRAFT_SITE ? false : 'FLOWCRAFT_SITE=1 builds the site'

describe('the site', { skip }, () => {
  it('builds, with every page, no dead link and its search', async () => {
    await run('npm', ['run', '--silent', 'docs'], { cwd: root }).catch(({ stdout, stderr }) =>
      assert.fail(stdout + stderr),
    )
    const built = join(root, 'site', 'dist')
    const files = await readdir(built, { recursive: true })
    for (const page of ['docs/client', 'docs/concepts', 'examples/order-service/README', 'README', 'bench/RESULTS']) {
      assert.ok(files.includes(`${page}.html`), page)
    }
    assert.match(await readFile(join(built, 'docs/concepts.html'), 'utf8'), /carried chain/)
    const index = files.find((file) => /localSearchIndex/.test(file))
    assert.match(await readFile(join(built, index), 'utf8'), /RedisCoordinationStore|coordination/i)
  })
})
