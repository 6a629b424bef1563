// The package under other managers and runtimes, each from the registry into an empty project: FLOWCRAFT_MANAGERS=1, since it takes
// minutes and a network.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { PROGRAM, pack, run } from './packed.js'

const skip = process.env.FLOWCRAFT_MANAGERS ? false : 'FLOWCRAFT_MANAGERS=1 installs pnpm, Yarn, Bun and Deno'
const LONGEST = 300_000
const quiet = { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' }

let packed
before(async () => {
  if (!skip) packed = await pack()
})
after(() => packed?.remove())

/** A program of a package of npm. */
async function tool(name, version, bin = name) {
  const path = await packed.project(`tool-${bin}`)
  await run('npm', ['install', `${name}@${version}`], { cwd: path, env: quiet, timeout: LONGEST })
  return join(path, 'node_modules', '.bin', bin)
}

async function project(name) {
  const path = await packed.project(name, {
    dependencies: { '@flowcraft/rabbitmq-adapter': pathToFileURL(packed.tarball).href, flowcraft: '^2.10.1' },
  })
  await writeFile(join(path, 'main.js'), PROGRAM)
  return path
}

describe('it runs', { skip }, () => {
  it('under pnpm', async () => {
    const path = await project('under-pnpm')
    await run(await tool('pnpm', '12.4.2'), ['install'], { cwd: path, env: quiet, timeout: LONGEST })
    assert.equal((await run(process.execPath, ['main.js'], { cwd: path })).stdout, 'hello Ada\n')
  })

  it('under Yarn, plugged and played', async () => {
    const path = await project('under-yarn')
    const { stdout: registry } = await run('npm', ['config', 'get', 'registry'])
    const env = {
      ...quiet,
      YARN_NODE_LINKER: 'pnp',
      YARN_NPM_REGISTRY_SERVER: registry.trim(),
      YARN_ENABLE_TELEMETRY: '0',
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
    }
    await writeFile(join(path, 'yarn.lock'), '')
    const yarn = await tool('@yarnpkg/cli-dist', '4.18.1', 'yarn')
    await run(yarn, ['install'], { cwd: path, env, timeout: LONGEST })
    assert.equal((await run(yarn, ['node', 'main.js'], { cwd: path, env })).stdout, 'hello Ada\n')
  })

  it('on Bun', async () => {
    const path = await project('on-bun')
    await run('npm', ['install'], { cwd: path, env: quiet, timeout: LONGEST })
    assert.equal((await run(await tool('bun', '1'), ['main.js'], { cwd: path, timeout: 60_000 })).stdout, 'hello Ada\n')
  })

  it('on Deno', async () => {
    const path = await project('on-deno')
    await run('npm', ['install'], { cwd: path, env: quiet, timeout: LONGEST })
    const args = ['run', '--allow-all', '--node-modules-dir=manual', 'main.js']
    assert.equal((await run(await tool('deno', '2'), args, { cwd: path, timeout: 60_000 })).stdout, 'hello Ada\n')
  })
})
