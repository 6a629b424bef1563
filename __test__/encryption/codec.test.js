// The codec that comes with the package: what it refuses, what it hides, and what it does with the place of a value.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { createAesCodec, MissingKeyError } from '@flowcraft/rabbitmq-adapter'
import { placeOf, placeOfSchedule } from '../../dist/bridge/places.js'

const key = randomBytes(32)
const codec = createAesCodec({ keys: { k: key }, current: 'k' })
const place = placeOf('run', 'card')
const JSON_TEXT = '{"card":"4000","name":"Zoë 😀","n":12345678901234567890.5}'

describe('a key', () => {
  it('is 32 bytes, or those as base64 of either alphabet, with its padding or without', () => {
    for (const same of [
      key,
      new Uint8Array(key),
      key.toString('base64'),
      ` ${key.toString('base64')}\n`,
      key.toString('base64url'),
    ]) {
      const other = createAesCodec({ keys: { k: same } })
      assert.equal(other.decode(codec.encode(JSON_TEXT, place), place), JSON_TEXT)
    }
  })

  it('that is none is refused at once, by its name, and is not shown', () => {
    const secret = randomBytes(31).toString('hex')
    const bad = [
      secret,
      key.subarray(1),
      '',
      undefined,
      7,
      Buffer.alloc(32),
      Buffer.from(secret).toString('base64'),
      [...key],
    ]
    for (const each of bad) {
      assert.throws(
        () => createAesCodec({ keys: { good: key, bad: each }, current: 'good' }),
        (error) => {
          assert.ok(error instanceof TypeError && error.code === 'INVALID_OPTION', error.stack)
          assert.match(error.message, /keys\['bad'\].*32 bytes/)
          assert.ok(!inspect(error, { showHidden: true }).includes(secret))
          return true
        },
      )
    }
    for (const options of [
      undefined,
      {},
      { keys: {} },
      { keys: { 'a.b': key } },
      { keys: { '': key } },
      { keys: { k: key }, current: 'other' },
      { keys: { k: key }, readable: 'tenant' },
      { keys: { k: key }, readable: [1] },
    ])
      assert.throws(() => createAesCodec(options), { name: 'TypeError', code: 'INVALID_OPTION' }, inspect(options))
  })

  it('is in nothing that a codec shows', () => {
    codec.encode(JSON_TEXT, place)
    const shown = inspect(codec, { depth: 20, showHidden: true }) + JSON.stringify(codec) + String(codec)
    for (const form of ['hex', 'base64', 'base64url']) assert.ok(!shown.includes(key.toString(form)))
    assert.ok(!shown.includes(inspect(key).slice(8, 30)))
  })
})

describe('a value', () => {
  it('comes back as it was, large or empty, and never looks the same twice', () => {
    for (const json of [JSON_TEXT, '""', JSON.stringify('x'.repeat(1_000_000)), 'false']) {
      const [one, other] = [codec.encode(json, place), codec.encode(json, place)]
      assert.notEqual(one, other)
      assert.match(one, /^A1\.k\.[A-Za-z0-9+/]+=*$/)
      assert.deepEqual([codec.decode(one, place), codec.decode(other, place)], [json, json])
    }
  })

  it('is read at its own place alone', () => {
    const text = codec.encode(JSON_TEXT, place)
    for (const other of [
      placeOf('run', 'cards'),
      placeOf('run2', 'card'),
      placeOf('', 'run card'),
      placeOfSchedule('run', 'card'),
    ])
      assert.throws(() => codec.decode(text, other))
  })

  it('is read by whatever way the id of its run is written', () => {
    const [one, two] = ['0F4C9D1E-5A0B-4E8F-9C7D-3B2A1F0E9D8C', '{0f4c9d1e5a0b4e8f9c7d3b2a1f0e9d8c}']
    assert.equal(codec.decode(codec.encode('1', placeOf(one, 'k')), placeOf(two, 'k')), '1')
    assert.equal(codec.decode(codec.encode('1', placeOf('007', 'k')), placeOf('7', 'k')), '1')
    assert.throws(() => codec.decode(codec.encode('1', placeOf('run-07', 'k')), placeOf('run-7', 'k')))
  })

  it('is not read where any part of it was changed', () => {
    const text = codec.encode('"a"', place)
    const bytes = Buffer.from(text.split('.')[2], 'base64')
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] ^= 1
      assert.throws(() => codec.decode(`A1.k.${changed.toString('base64')}`, place), undefined, `byte ${at}`)
    }
    for (const wrong of ['', 'A1', 'A1.k', 'A1.k.', 'A1.k.AAAA', `A2${text.slice(2)}`, `${text}.x`, text.slice(0, -8)])
      assert.throws(() => codec.decode(wrong, place), undefined, wrong)
  })

  it('of a key that is not here says which', () => {
    const other = createAesCodec({ keys: { other: randomBytes(32) } })
    assert.throws(
      () => other.decode(codec.encode('1', place), place),
      (error) => error instanceof MissingKeyError && error.keyId === 'k',
    )
    const wrong = createAesCodec({ keys: { k: randomBytes(32) } })
    assert.throws(
      () => wrong.decode(codec.encode('1', place), place),
      (error) => !(error instanceof MissingKeyError),
    )
  })

  it('is stored as it is without a current key, and under keys that are readable, inside subflows too', () => {
    assert.equal(createAesCodec({ keys: { k: key } }).encode('1', place), undefined)
    const partly = createAesCodec({ keys: { k: key }, current: 'k', readable: ['tenant', '_outputs.a'] })
    for (const readable of ['tenant', '_outputs.a', '_flowcraft/s/t//tenant']) {
      assert.equal(partly.encode('1', placeOf('r', readable)), undefined, readable)
    }
    assert.equal(partly.encode('1', placeOfSchedule('s', 'tenant')), undefined)
    for (const hidden of ['tenants', '_flowcraft/tenant//a', '_inputs.a']) {
      assert.equal(typeof partly.encode('1', placeOf('r', hidden)), 'string', hidden)
    }
  })

  it('of thousands of runs is read whatever is kept of their keys', () => {
    const texts = Array.from({ length: 3_000 }, (_, run) => codec.encode(`${run}`, placeOf(`${run}-r`, 'k')))
    for (const [run, text] of texts.entries()) assert.equal(codec.decode(text, placeOf(`${run}-r`, 'k')), `${run}`)
  })
})
