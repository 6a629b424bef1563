// What is written of the options agrees with the schema: docs/options.md, and the types with their comments.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { Engine } from '../../dist/bridge/native.js'
import { openBroker } from '../../dist/connections/amqp.js'
import { openDatabase } from '../../dist/connections/postgres.js'
import { openRedis } from '../../dist/connections/redis.js'
import { checkOptions, engineOptions } from '../../dist/options/adapter-schema.js'
import { describeOptions } from '../../dist/options/describe.js'
import { commented } from '../../scripts/options/types.js'
import { writeOptions } from '../../scripts/options.js'
import { valid } from './support.js'

const objects = describeOptions()
const source = (file) => readFile(new URL(`../../lib/options/${file}`, import.meta.url), 'utf8')

describe('the documentation of options', () => {
  it('is what `npm run options` writes', async () => {
    assert.deepEqual(await writeOptions({ write: false }), [])
  })

  for (const { type, file, options } of objects) {
    it(`${type} has the keys of its schema, in its order, and requires the same`, async () => {
      const text = await source(file)
      const [, body] = text.match(new RegExp(`export interface ${type} \\{\\n(.*?)\\n\\}\\n`, 's'))
      const members = [...body.matchAll(/^ {2}(\w+)(\??):/gm)].map(([, name, mark]) => [name, mark === ''])
      assert.deepEqual(members.sort(), options.map(({ name, required }) => [name, required]).sort())
    })

    it(`${type} says each default where it is, and an example`, async () => {
      const text = await source(file)
      const other = options.map((option) => ({ ...option, default: 'another', otherwise: undefined, words: 'Other.' }))
      assert.notEqual(commented(text, type, other), text, 'a change of the schema shows')
      for (const { name, words, example, accepts } of options) {
        assert.match(words, /^[A-Z`].*[.]$/s, name)
        assert.ok(example.startsWith(name) && accepts.length > 0, name)
      }
    })
  }

  it('shows only defaults that the options take', async () => {
    const { check } = await import('../../dist/options/schema.js')
    const { AMQP_SCHEMA } = await import('../../dist/options/amqp.js')
    const { POSTGRES_SCHEMA } = await import('../../dist/options/postgres.js')
    const { REDIS_SCHEMA } = await import('../../dist/options/redis.js')
    for (const schema of [AMQP_SCHEMA, POSTGRES_SCHEMA, REDIS_SCHEMA]) assert.doesNotThrow(() => check(schema, {}))
  })
})

describe('the engine', () => {
  const named = { ...engineOptions(checkOptions(valid())), worker: 'w' }
  const functions = {
    describe: () => null,
    revision: () => null,
    blueprints: () => '{}',
    wake() {},
    publishResult: async () => {},
  }
  const engine = (options) =>
    new Engine(
      JSON.stringify(options),
      openBroker('amqp://localhost'),
      openDatabase('postgres://localhost/db'),
      openRedis('redis://localhost'),
      { ...functions, hasEventBus: false, publishesResults: false },
    )

  it('knows each option by the name the schema has for it, and no other', () => {
    assert.doesNotThrow(() => engine(named))
    assert.throws(() => engine({ ...named, patience: 1 }), { code: 'INVALID_OPTION' })
    for (const name of Object.keys(named).filter((name) => named[name] !== undefined)) {
      const { [name]: _, ...others } = named
      assert.throws(() => engine(others), { code: 'INVALID_OPTION' }, name)
    }
  })
})
