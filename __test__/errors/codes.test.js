// The documentation, the engine and the types name the same codes.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { it } from 'node:test'
import * as adapter from '@flowcraft/rabbitmq-adapter'
import { promised } from './table.js'

const { FlowcraftAdapterError } = adapter
const exported = new Map(Object.entries(adapter))

const repository = new URL('../../', import.meta.url)
const source = (path) => readFile(new URL(path, repository), 'utf8')
const sorted = (codes) => [...codes].sort()

it('docs/errors.md, the engine and the type ErrorCode name the same codes', async () => {
  const table = sorted((await promised()).keys())
  const engine = (await source('src/error/code.rs')).matchAll(/^ {4}\w+ = "([A-Z_]+)", \w+;$/gm)
  assert.deepEqual(sorted([...engine].map(([, code]) => code)), table)
  const [union] = (await source('lib/errors.ts')).match(/export type ErrorCode =[^;]*?\n\n/)
  assert.deepEqual(sorted([...union.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code)), table)
  assert.ok(table.length > 20, `${table.length} codes`)
})

it('every class of the table is exported, extends the base class, and is called by its name', async () => {
  const names = new Set([...(await promised()).values()].flatMap(({ classes }) => classes))
  names.delete('TypeError')
  for (const name of names) {
    const error = new (exported.get(name))('why', { code: 'INTERNAL' })
    assert.ok(error instanceof FlowcraftAdapterError && error instanceof Error, name)
    assert.deepEqual([error.name, String(error), error.retryable], [name, `${name}: why`, false])
    assert.deepEqual(Object.keys(error).sort(), ['code', 'retryable'], name)
  }
})

it('nothing in the sources asks what the message of an error says', async () => {
  const asks =
    /(message|to_string\(\))\s*(\)|\?)?\s*\.\s*(startsWith|endsWith|includes|match|test|contains|starts_with|ends_with|search)\(|\.test\(\w*[eE]rror\w*\.message/
  for (const folder of ['src/', 'lib/']) {
    const files = await readdir(new URL(folder, repository), { recursive: true })
    for (const file of files.filter((name) => /\.(rs|ts)$/.test(name))) {
      // Not what Rust's own tests assert.
      const [text] = (await source(folder + file)).split('#[cfg(test)]')
      assert.doesNotMatch(text, asks, folder + file)
    }
  }
})
