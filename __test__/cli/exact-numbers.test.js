// Numbers that no double holds, as the terminal shows them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { keepText } from '../../dist/bridge/exact.js'
import { shownExactly, shownJson } from '../../dist/cli/output.js'
import { linesOfRun } from '../../dist/cli/run-view.js'

const LARGE = '123456789012345678901234567890.5'
const io = { paint: (_, text) => text }

/** What holds a value that was read of this JSON. */
function holding(name, json) {
  const holder = { [name]: JSON.parse(json) }
  keepText(holder, json)
  return holder
}

describe('a number of any size', () => {
  const waitsFor = holding('details', `{"order":{"amount":${LARGE}},"note":"\u009bhidden $1"}`)
  const progress = { ...holding('value', '1'), at: new Date(), attempt: 1, worker: 'w' }
  keepText(progress, `{"bytes":${LARGE}}`)
  const node = { nodeId: 'a', execution: 1, attempt: 1 }
  const run = {
    runId: 'r',
    status: 'awaiting',
    nodes: [
      { ...node, state: 'awaiting', waitsFor },
      { ...node, nodeId: 'b', state: 'due', progress },
    ],
  }

  it('is in the lines of a run', () => {
    const lines = linesOfRun(io, run, {}).join('\n')
    assert.ok(lines.includes(`"amount":${LARGE}`) && lines.includes(`progress {"bytes":${LARGE}}`), lines)
    assert.ok(!lines.includes('\u009b') && lines.includes('\\u009bhidden $1'), lines)
  })

  it('is in JSON, beside what has none', () => {
    for (const indent of [undefined, 2]) {
      const json = shownJson({ run, more: { details: { n: 1 }, value: '$&' } }, indent)
      assert.equal(json.split(LARGE).length, 3, json)
      assert.ok(!json.includes('\u009b'))
      assert.deepEqual(JSON.parse(json).run.nodes[0].waitsFor.details, waitsFor.details)
      assert.deepEqual(JSON.parse(json).more, { details: { n: 1 }, value: '$&' })
    }
  })

  it('changes nothing of a value that says all of it', () => {
    const plain = holding('details', '{"a": 1, "b": "x"}')
    assert.equal(shownExactly(plain, plain.details), '{"a":1,"b":"x"}')
    assert.equal(shownJson(plain), '{"details":{"a":1,"b":"x"}}')
  })
})
