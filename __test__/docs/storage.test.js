// docs/storage.md names what the engine writes: every field of a message, every key of Redis, every header, every table.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { before, describe, it } from 'node:test'
import { pageOf, sectionOf } from '../fixtures/pages.js'

const SRC = new URL('../../src/', import.meta.url)
/** What of `lib` workers execute. */
const EXECUTION = new URL('../../lib/execution/', import.meta.url)

/** The texts of the engine's own files, without those of its tests. */
async function sources() {
  const files = await readdir(SRC, { recursive: true })
  const rust = files.filter((file) => file.endsWith('.rs') && !/test/.test(file))
  const texts = await Promise.all(rust.map((file) => readFile(new URL(file.split(/[\\/]/).join('/'), SRC), 'utf8')))
  return texts.map((text) => text.split('#[cfg(test)]')[0]).join('\n')
}

/** The texts of its files. */
async function executed() {
  const files = (await readdir(EXECUTION)).filter((file) => file.endsWith('.ts'))
  const texts = files.map((file) => readFile(new URL(file, EXECUTION), 'utf8'))
  return (await Promise.all(texts)).join('\n')
}

const unique = (texts) => [...new Set(texts)].sort()
const namesOf = (section, pattern) => unique([...section.matchAll(pattern)].map(([, name]) => name))

describe('docs/storage.md', () => {
  let page
  let code
  before(async () => {
    page = await pageOf('docs/storage.md')
    code = await sources()
  })

  it('has the fields of a message', async () => {
    const message = await readFile(new URL('protocol/message.rs', SRC), 'utf8')
    const struct = message.slice(message.indexOf('pub struct JobMessage {'), message.indexOf('pub original'))
    const fields = [...struct.matchAll(/^ {4}pub (\w+):/gm)].map(([, name]) =>
      name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase()),
    )
    assert.deepEqual(namesOf(sectionOf(page, 'A message'), /^\| `(\w+)` /gm), unique(fields))
  })

  it('has the headers of a dead letter', () => {
    const headers = unique(code.match(/x-flowcraft-\w+/g))
    assert.deepEqual(unique(sectionOf(page, 'A message').match(/x-flowcraft-\w+/g)), headers)
  })

  it('has the keys in Redis', async () => {
    const kind = (key) => key.split(':')[1].replace(/\W.*/, '')
    const all = `${code}\n${await executed()}`
    const written = unique((all.match(/flowcraft:[a-z]+/g) ?? []).map(kind))
    assert.deepEqual(
      unique(
        sectionOf(page, 'Keys in Redis')
          .match(/flowcraft:[a-z]+/g)
          .map(kind),
      ),
      written,
    )
  })

  it('has the keys of a context', async () => {
    const keys = await readFile(new URL('record/keys.rs', SRC), 'utf8')
    const section = sectionOf(page, 'The keys of a context')
    for (const [, key] of keys.matchAll(/^pub const \w+: &str = "([\w.]+)";/gm)) {
      assert.ok(section.includes(`\`${key}`), key)
    }
  })

  it('has the tables that migrate makes', async () => {
    const migrations = await pageOf('docs/migrations.md')
    const suffixes = unique(migrations.match(/`<contexts>_\w+`/g))
    assert.deepEqual(unique(sectionOf(page, 'The tables').match(/`<contexts>_\w+`/g)), suffixes)
  })
})
