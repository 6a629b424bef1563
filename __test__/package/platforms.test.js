// The addon and the machines it is for: what is said where there is none, and which C library it needs.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { loaderOf } from '../../scripts/binding.js'
import { repository, run } from './packed.js'

const addons = readdirSync(repository).filter((name) => /linux-.*-gnu\.node$/.test(name))
/** What docs/servers.md promises. CI sets FLOWCRAFT_GLIBC where it has built what is published. */
const promised = process.env.FLOWCRAFT_GLIBC

async function withoutObjdump() {
  return run('objdump', ['--version']).then(
    () => false,
    () => 'objdump is not to be had here',
  )
}

/** The versions of glibc that an addon asks for, the newest last. */
async function glibcOf(addon) {
  const { stdout } = await run('objdump', ['-T', join(repository, addon)], { maxBuffer: 64 * 1024 * 1024 })
  const versions = [...stdout.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)])
  return versions.sort((one, other) => one[0] - other[0] || one[1] - other[1]).map((version) => version.join('.'))
}

/** The loader, also where the addon was built before the script that writes it changed. */
async function loader() {
  const { napi } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
  return loaderOf(await readFile(join(repository, 'binding.js'), 'utf8'), napi)
}

describe('the loader', () => {
  it('looks for the addons that there are packages for, and for no others', async () => {
    const required = [...(await loader()).matchAll(/require\('@flowcraft\/rabbitmq-adapter-([\w-]+)'\)/g)]
    assert.deepEqual(required.map(([, name]) => name).sort(), readdirSync(join(repository, 'npm')).sort())
  })

  it('takes the addon that NAPI_RS_NATIVE_LIBRARY_PATH names', async () => {
    const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/own.node' }
    const folder = await mkdtemp(join(tmpdir(), 'flowcraft-own-addon-'))
    try {
      await writeFile(join(folder, 'binding.mjs'), await loader())
      const { stderr } = await run(process.execPath, ['binding.mjs'], { cwd: folder, env }).catch((error) => error)
      assert.match(stderr, /own\.node/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('a machine without an addon', () => {
  it('hears what to do', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'flowcraft-no-addon-'))
    t.after(() => rm(folder, { recursive: true }))
    await cp(join(repository, 'dist'), join(folder, 'dist'), { recursive: true })
    await writeFile(join(folder, 'binding.js'), await loader())
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'), 'junction')
    const { stderr } = await run(process.execPath, ['dist/index.js'], { cwd: folder }).catch((error) => error)
    const { platform, arch } = process
    assert.match(stderr, new RegExp(`has no addon for this machine here: ${platform} ${arch}`))
    assert.match(stderr, /install where it will run \(npm ci in the image\), without --omit=optional/)
    assert.match(stderr, /There is one for Linux \(x64, arm64; glibc 2\.28 or newer, musl\)/)
  })

  it('is one that the package does not promise', async () => {
    const { napi } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
    const folders = readdirSync(join(repository, 'npm')).sort()
    const named = napi.targets.map((target) => {
      const [cpu, , system, libc] = target.split('-')
      const platform = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[system]
      return [platform, { x86_64: 'x64', aarch64: 'arm64' }[cpu], libc].filter(Boolean).join('-')
    })
    assert.deepEqual(named.sort(), folders)
  })

  it('is told the same in the documentation', async () => {
    const page = await readFile(join(repository, 'docs', 'servers.md'), 'utf8')
    assert.match(
      page,
      /Linux \(x64 and arm64, glibc 2\.28 or newer and musl\), macOS \(x64 and arm64\) and Windows \(x64\)/,
    )
  })
})

describe('the addon for glibc', { skip: addons.length === 0 && 'there is none here' }, async () => {
  const skip = await withoutObjdump()
  it('needs no newer glibc than was promised, or than this machine has', { skip }, async () => {
    const has = promised ?? process.report.getReport().header.glibcVersionRuntime
    const [, most] = has.split('.').map(Number)
    for (const addon of addons) {
      const needed = (await glibcOf(addon)).at(-1)
      assert.ok(Number(needed.split('.')[1]) <= most, `${addon} needs glibc ${needed}, and not ${has}`)
    }
  })
})
