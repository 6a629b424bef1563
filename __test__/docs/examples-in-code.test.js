// Every public function and method has an example in its doc comment, and each example runs as it stands there: in an environment
// in memory, beside a run that stands where the example finds it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { examples, missing, runs } from './support/examples.js'
import { optionExamples } from './support/options.js'
import { ADAPTER_PLAYS } from './support/plays-of-adapter.js'
import { CLIENT_PLAYS } from './support/plays-of-client.js'
import { TESTING_PLAYS } from './support/plays-of-testing.js'
import { inMemory, stage } from './support/stages.js'

/**
 * By example: the `stage` it is played on, more names for it, what is done `first`, what it `gives`, and what `holds` then. What it
 * `throws`, where it does. `before` gives a stage that is made for one play. One that expects something itself may have none of it.
 */
const PLAYS = { ...ADAPTER_PLAYS, ...CLIENT_PLAYS, ...TESTING_PLAYS }

async function play(t, name) {
  const { before = () => ({}), more = () => ({}), gives, holds = () => {}, ...rest } = PLAYS[name]
  const { first = () => {}, throws, wraps = (code) => code, stage: setting } = { ...rest, ...before() }
  const set = await stage(t, setting)
  const scope = { ...set, t, ...more(set) }
  await first(scope)
  const code = `${wraps(inMemory(examples.get(name), set))}\n${gives ? `return ${gives}` : ''}`
  const done = runs(code, scope)
  if (throws) await assert.rejects(done, throws)
  else await holds(scope, await done)
}

describe('the examples in the code', () => {
  it('are there for every public function and method', () => {
    assert.deepEqual(missing, [])
  })

  it('are all played', () => {
    assert.deepEqual(Object.keys(PLAYS).sort(), [...examples.keys()].sort())
  })
})

describe('the example of', () => {
  for (const name of examples.keys()) it(name, (t) => play(t, name))
})

describe('the example of the option', () => {
  for (const { title, name, read } of optionExamples) {
    it(title, () => {
      const [given, taken] = read()
      assert.deepEqual(Object.keys(given), [name])
      assert.notEqual(taken, undefined)
    })
  }
})
