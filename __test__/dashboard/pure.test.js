// The rules of the dashboard that need no server: pieces of JSON, addresses, warnings, drawings.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'
import { childrenOf, kindOf, valueAt } from '../../dist/bridge/json-slices.js'
import { targetOf } from '../../dist/dashboard/address.js'
import { warningsOf } from '../../dist/dashboard/fleet.js'
import { Redaction } from '../../dist/dashboard/redaction.js'
import { viewOf } from '../../dist/dashboard/value-view.js'

const source = async (path) => {
  const file = fileURLToPath(new URL(`../../dashboard/src/${path}`, import.meta.url))
  return (await runnerImport(file, { configFile: false, logLevel: 'error' })).module
}

/** The value that a text says, put together of its pieces. */
function rebuilt(json) {
  const kind = kindOf(json)
  if (kind === 'array') return [...childrenOf(json)].map(({ from, to }) => rebuilt(json.slice(from, to)))
  if (kind !== 'object') return JSON.parse(json)
  return Object.fromEntries([...childrenOf(json)].map(({ key, from, to }) => [key, rebuilt(json.slice(from, to))]))
}

describe('pieces of JSON', () => {
  for (const value of [
    {},
    [],
    'a "quoted" \\ text \\" }{][',
    [1, -2.5e-7, true, false, null, '', '\\', '\\\\"', '\u2028é😀'],
    { a: { b: [{ c: [] }, {}] }, '"}': '{', '': 0, 'x\\': [['y\\']] },
  ]) {
    it(`say what the whole says: ${JSON.stringify(value).slice(0, 50)}`, () => {
      assert.deepEqual(rebuilt(JSON.stringify(value)), value)
      assert.deepEqual(rebuilt(JSON.stringify(value, null, 2)), value)
    })
  }

  it('say what the whole says, of a thousand values by chance', () => {
    let seed = 17
    const next = (below) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return seed % below
    }
    const signs = ['"', '\\', '{', '}', '[', ']', ',', ':', 'é', ' ', 'a', '\n']
    const text = () => Array.from({ length: next(6) }, () => signs[next(signs.length)]).join('')
    const value = (depth) => {
      const kind = next(depth > 3 ? 3 : 5)
      if (kind === 0) return next(1_000) / 7
      if (kind === 1) return text()
      if (kind === 2) return [true, false, null][next(3)]
      if (kind === 3) return Array.from({ length: next(4) }, () => value(depth + 1))
      return Object.fromEntries(Array.from({ length: next(4) }, () => [text(), value(depth + 1)]))
    }
    for (let at = 0; at < 1_000; at += 1) {
      const made = value(0)
      assert.deepEqual(rebuilt(JSON.stringify(made)), made)
    }
  })

  it('keep numbers as they are', () => {
    const json = '{"id":12345678901234567890,"price":0.10000000000000000001}'
    assert.equal(valueAt(json, ['id']), '12345678901234567890')
    const view = viewOf(json, { redaction: new Redaction(undefined), path: [] })
    assert.deepEqual(
      view.children.map(({ value }) => value.text),
      ['12345678901234567890', '0.10000000000000000001'],
    )
    const redacted = new Redaction((path, value) => (path.at(-1) === 'price' ? null : value)).whole(
      json,
      ['x'],
      'context',
    )
    assert.equal(redacted, '{"id":12345678901234567890,"price":null}')
  })

  it('of a long text are its beginning, wherever an escape is cut', () => {
    for (let shift = 0; shift < 8; shift += 1) {
      const text = 'x'.repeat(shift) + '\u0001"\\'.repeat(5_000)
      const { text: shown, isCut } = viewOf(JSON.stringify(text), { redaction: new Redaction(undefined), path: [] })
      assert.ok(isCut && text.startsWith(shown) && shown.length > 1_900)
    }
  })
})

describe('addresses', () => {
  for (const [url, original, base, expected] of [
    ['/', undefined, undefined, ''],
    ['/api/runs?x=1', undefined, undefined, 'api/runs'],
    ['/ops/api/runs', undefined, '/ops', 'api/runs'],
    ['/ops/api/runs', undefined, '/ops/', 'api/runs'],
    ['/api/runs', '/ops/api/runs', undefined, 'api/runs'],
    ['/api/runs', '/ops/api/runs', '/ops', 'api/runs'],
    ['/', '/ops/', undefined, ''],
    ['/ops', undefined, '/ops', { redirect: './ops/' }],
    ['/?token=x', '/ops?token=x', undefined, { redirect: './ops/?token=x' }],
    ['/other', undefined, '/ops', undefined],
    ['/opsy', undefined, '/ops', undefined],
  ]) {
    it(`${url} of ${original ?? 'itself'} at ${base ?? 'the root'}`, () => {
      const target = targetOf(url, original, base)
      assert.deepEqual(target && 'name' in target ? target.name : target, expected)
    })
  }
})

describe('warnings', () => {
  const queue = { queue: 'jobs', exists: true, waiting: 0, consumers: 1, deadLetters: 0 }
  const worker = { blueprints: { order: 'r1' }, queues: ['jobs'] }
  for (const [name, given, expected] of [
    ['none where all is well', {}, []],
    ['a queue without a worker', { queues: [{ ...queue, consumers: 0, waiting: 3 }] }, ['NO_CONSUMER']],
    ['a queue that is not there', { queues: [{ ...queue, exists: false, consumers: 0 }] }, ['NO_QUEUE']],
    ['dead letters', { queues: [{ ...queue, deadLetters: 2 }] }, ['DEAD_LETTERS']],
    ['a run that does not move', { queues: [{ ...queue, running: 1, oldest: 3_600_000 }] }, ['STALE']],
    [
      'a blueprint that nobody has',
      { waiting: [{ queue: 'jobs', blueprint: 'video', runs: 2, age: 1 }] },
      ['NO_WORKER'],
    ],
    [
      'none of a blueprint that workers may have who do not register',
      { queues: [{ ...queue, consumers: 2 }], waiting: [{ queue: 'jobs', blueprint: 'video', runs: 2, age: 1 }] },
      [],
    ],
  ]) {
    it(name, () => {
      const found = warningsOf({ workers: [worker], queues: [queue], waiting: [], ...given })
      assert.deepEqual(
        found.map(({ code }) => code),
        expected,
      )
    })
  }
})

describe('a drawing', () => {
  const node = (nodeId, state = 'done', more = {}) => ({ nodeId, state, execution: 1, attempt: 1, ...more })
  const ids = ({ boxes }) => boxes.map(({ id }) => id).sort()

  it('has the nodes of the blueprint with their states, and the edges that were taken', async () => {
    const { drawingOf } = await source('graph/model.ts')
    const blueprint = {
      id: 'b',
      nodes: [
        { id: 'a', uses: 'a' },
        { id: 'yes', uses: 'yes' },
        { id: 'no', uses: 'no' },
      ],
      edges: [
        { source: 'a', target: 'yes', action: 'y' },
        { source: 'a', target: 'no', action: 'n' },
      ],
    }
    const drawing = drawingOf({
      blueprints: [blueprint],
      blueprintId: 'b',
      nodes: [node('a', 'done', { action: 'y' }), node('yes', 'due')],
      turned: new Set(),
    })
    assert.deepEqual(
      drawing.boxes.map(({ id, state }) => [id, state]),
      [
        ['a', 'done'],
        ['yes', 'due'],
        ['no', 'unreached'],
      ],
    )
    assert.deepEqual(
      drawing.lines.map(({ label, isTaken }) => [label, isTaken]),
      [
        ['y', true],
        ['n', undefined],
      ],
    )
  })

  it('folds a thousand executions of a batch into one box, and unfolds them', async () => {
    const { drawingOf } = await source('graph/model.ts')
    const blueprint = {
      id: 'b',
      nodes: [
        { id: 's', uses: 'batch-scatter', batchWorker: 'w', batchGather: 'g' },
        { id: 'g', uses: 'batch-gather' },
      ],
      edges: [{ source: 's', target: 'g' }],
    }
    const uuid = '0193b2c1-0000-4000-8000-000000000000'
    const nodes = [
      node('s'),
      ...Array.from({ length: 1_000 }, (_, at) => node(`w_${uuid}_${at}`, at === 7 ? 'failed' : 'done')),
    ]
    const known = { blueprints: [blueprint], blueprintId: 'b', nodes, turned: new Set() }
    const folded = drawingOf(known)
    assert.deepEqual(ids(folded), ['batch:s', 'g', 's'])
    assert.deepEqual(
      folded.lines.map(({ source: from, target }) => `${from} ${target}`),
      ['s batch:s', 'batch:s g'],
    )
    const { group, state } = folded.boxes.find(({ id }) => id === 'batch:s')
    assert.deepEqual([state, group.states], ['failed', { done: 999, failed: 1 }])
    assert.equal(drawingOf({ ...known, turned: new Set(['batch:s']) }).boxes.length, 1_003)
    assert.deepEqual(ids(drawingOf({ ...known, blueprints: [] })), ['batch:w', 's'])
  })

  it('folds the body of a loop, and says which edge leads back', async () => {
    const { drawingOf } = await source('graph/model.ts')
    const blueprint = {
      id: 'b',
      nodes: ['start', 'one', 'two', 'end'].map((id) => ({ id, uses: id })),
      edges: [
        ['start', 'one'],
        ['one', 'two'],
        ['two', 'one'],
        ['two', 'end'],
      ].map(([from, target]) => ({ source: from, target })),
    }
    const known = { blueprints: [blueprint], blueprintId: 'b', nodes: [], turned: new Set() }
    const back = drawingOf(known).lines.filter(({ isBack }) => isBack)
    assert.deepEqual(
      back.map(({ source: from, target }) => [from, target]),
      [['two', 'one']],
    )
    const folded = drawingOf({ ...known, turned: new Set(['loop:one']) })
    assert.deepEqual(ids(folded), ['end', 'loop:one', 'start'])
    assert.deepEqual(
      folded.lines.map(({ source: from, target }) => `${from} ${target}`),
      ['start loop:one', 'loop:one end'],
    )
  })

  it('folds the inside of a subflow, and draws it by its own blueprint', async () => {
    const { drawingOf } = await source('graph/model.ts')
    const outer = { id: 'o', nodes: [{ id: 'sub', uses: 'subflow', subflow: 'i' }], edges: [] }
    const inner = {
      id: 'i',
      nodes: [
        { id: 'x', uses: 'x' },
        { id: 'y', uses: 'y' },
      ],
      edges: [{ source: 'x', target: 'y' }],
    }
    const nodes = [node('sub', 'due'), node('sub/x'), node('sub/y', 'due')]
    const known = { blueprints: [outer, inner], blueprintId: 'o', nodes, turned: new Set() }
    assert.deepEqual(ids(drawingOf(known)), ['sub'])
    const open = drawingOf({ ...known, turned: new Set(['subflow:sub']) })
    assert.deepEqual(ids(open), ['sub', 'sub/x', 'sub/y'])
    assert.deepEqual(
      open.lines.map(({ id }) => id.trim()),
      ['sub/x → sub/y', 'sub → sub/x'],
    )
  })

  it('as Mermaid has no text of anybody that Mermaid would read', async () => {
    const { mermaidOf } = await source('run/mermaid.ts')
    const evil = 'a"] --> b; click a "javascript:alert(1)"\n%%{init}%%<script>'
    const text = mermaidOf({
      boxes: [
        { id: evil, title: evil, state: 'done' },
        { id: 'end', title: 'end', state: 'due' },
      ],
      lines: [{ id: 'l', source: evil, target: 'end', label: evil }],
    })
    const lines = text.trimEnd().split('\n')
    assert.equal(lines.length, 6)
    for (const line of lines.slice(3)) {
      assert.match(line, /^ {2}n\d+(\["[\p{L}\p{N} ._#;-]*"\]:::\w+| --> ?\|"[\p{L}\p{N} ._#;-]*"\| n\d+)$/u)
    }
  })
})
