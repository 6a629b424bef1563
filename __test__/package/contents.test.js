// What is published: types that every resolution finds, nothing that a linter of packages minds, and no more than its size.
import assert from 'node:assert/strict'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { PROGRAM, pack, repository, run } from './packed.js'

/** An ES module alone: what CommonJS gets, it gets by `require` of one, as Node.js 20.19 and newer have it. */
const MEANT = ['CJSResolvesToESM']
const MEGABYTE = 1024 * 1024

let packed
let manifest
before(async () => {
  packed = await pack()
  manifest = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
})
after(() => packed?.remove())

/** A project in which the package is installed, as links: what is under test is its code, and not npm. */
async function linked(name) {
  const path = await packed.project(name)
  await run('mkdir', ['-p', join(path, 'node_modules', '@flowcraft')])
  await symlink(repository, join(path, 'node_modules', '@flowcraft', 'rabbitmq-adapter'), 'junction')
  await symlink(join(repository, 'node_modules', 'flowcraft'), join(path, 'node_modules', 'flowcraft'), 'junction')
  return path
}

describe('the package', () => {
  it('is one that publint has nothing against', async () => {
    const data = await readFile(packed.tarball)
    const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
    const { messages } = await publint({ pack: { tarball }, level: 'suggestion' })
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest, { color: false })),
      [],
    )
  })

  it('has types that are found and right, however it is resolved', async () => {
    const { problems, types } = await checkPackage(createPackageFromTarballData(await readFile(packed.tarball)), {
      excludeEntrypoints: ['./package.json'],
    })
    assert.ok(types)
    // node10 knows no `exports`: it finds the package, and not ./testing.
    const wrong = problems.filter(({ kind, resolutionKind }) => !MEANT.includes(kind) && resolutionKind !== 'node10')
    assert.deepEqual(wrong, [])
  })

  it('is small but for its addon', () => {
    const size = (files) => files.reduce((sum, file) => sum + file.size, 0) / MEGABYTE
    const addons = packed.files.filter(({ path }) => path.endsWith('.node'))
    const rest = packed.files.filter((file) => !addons.includes(file))
    assert.ok(size(rest) < 2, `${size(rest).toFixed(2)} MB of code and pages`)
    // As it is built for tests, with its fault points; what is published is a third of that.
    assert.ok(size(addons) < 32, `${size(addons).toFixed(1)} MB of addon`)
  })

  it('has a dashboard whose page loads no more than 300 kB, compressed', async () => {
    const page = packed.files.filter(({ path }) => path.startsWith('dist/dashboard/ui/'))
    // Licences are for those who ask for them.
    const loaded = page.filter(({ path }) => !path.endsWith('.txt'))
    const kinds = new Set(loaded.map(({ path }) => extname(path)))
    assert.deepEqual([...kinds].sort(), ['.css', '.html', '.js', '.svg'])
    const texts = await Promise.all(loaded.map(({ path }) => readFile(join(repository, path))))
    const size = texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0)
    assert.ok(size <= 300 * 1024, `${(size / 1024).toFixed(1)} kB in ${loaded.length} files`)
  })

  it('has every file that its package.json names', () => {
    const there = packed.files.map(({ path }) => path)
    const named = [manifest.main, manifest.types, ...Object.values(manifest.bin), ...Object.values(manifest.exports)]
    for (const file of named.flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)))) {
      assert.ok(there.includes(file.replace('./', '')), file)
    }
  })
})

describe('it runs', () => {
  it('in a worker thread', async () => {
    const path = await linked('thread')
    await writeFile(join(path, 'main.js'), PROGRAM)
    const thread = new Worker(join(path, 'main.js'), { stdout: true })
    let printed = ''
    thread.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
    const code = await new Promise((resolve, reject) => thread.on('error', reject).on('exit', resolve))
    assert.deepEqual([code, printed], [0, 'hello Ada\n'])
  })

  it('by require, where Node.js has that for ES modules', { skip: !process.features.require_module }, async () => {
    const path = await linked('required')
    const code = `console.log(typeof require('@flowcraft/rabbitmq-adapter').RabbitMqAdapter)`
    await writeFile(join(path, 'main.cjs'), code)
    const { stdout } = await run(process.execPath, ['--no-warnings', 'main.cjs'], { cwd: path })
    assert.equal(stdout, 'function\n')
  })

  it('in a bundle that leaves it out, as docs/servers.md says', async () => {
    const path = await linked('bundled')
    await writeFile(join(path, 'main.js'), `import './flow.js'\n${PROGRAM}`)
    await writeFile(join(path, 'flow.js'), `export const inside = 'of the bundle'\n`)
    const page = await readFile(join(repository, 'docs', 'servers.md'), 'utf8')
    const external = [...page.matchAll(/--external:([@\w/-]+)/g)].map(([, name]) => name)
    assert.deepEqual(external, ['@flowcraft/rabbitmq-adapter', 'flowcraft'])
    const outfile = join(path, 'bundle.js')
    await build({
      ...{ entryPoints: [join(path, 'main.js')], outfile, external },
      ...{ bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' },
    })
    assert.doesNotMatch(await readFile(outfile, 'utf8'), /createRequire/)
    assert.equal((await run(process.execPath, [outfile], { cwd: path })).stdout, 'hello Ada\n')
  })
})
