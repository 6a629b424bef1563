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

describe('the bars of the throughput', () => {
  const at = Date.parse('2026-11-28T10:03:30Z')
  const ended = (minute, status, count, blueprintId = 'a') => ({
    from: `2026-11-28T10:0${minute}:00.000Z`,
    status,
    blueprintId,
    count,
  })
  const told = { withinMs: 240_000, stepMs: 60_000, at, ended: [ended(0, 'completed', 3), ended(3, 'failed', 1, 'b')] }

  it('are there for every step, also where no run ended', async () => {
    const { barsOf } = await source('parts/throughput-model.ts')
    const bars = barsOf(told)
    assert.deepEqual(
      bars.map(({ from, sum }) => [new Date(from).toISOString().slice(14, 19), sum]),
      [
        ['59:00', 0],
        ['00:00', 3],
        ['01:00', 0],
        ['02:00', 0],
        ['03:00', 1],
      ],
    )
    assert.deepEqual(bars[4].counts, { completed: 0, failed: 1, cancelled: 0 })
  })

  it('are those of one blueprint or queue, where it is chosen', async () => {
    const { barsOf, namesOf, totalOf } = await source('parts/throughput-model.ts')
    const bars = barsOf(told, 'a')
    assert.deepEqual([totalOf(bars, 'completed'), totalOf(bars, 'failed')], [3, 0])
    assert.deepEqual(namesOf(told), ['a', 'b'])
    const byQueue = {
      ...told,
      ended: told.ended.map(({ blueprintId, ...end }) => ({ ...end, queue: `q-${blueprintId}` })),
    }
    assert.deepEqual(namesOf(byQueue), ['q-a', 'q-b'])
    assert.equal(totalOf(barsOf(byQueue, 'q-a'), 'completed'), 3)
  })
})

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
    [
      'a queue that is paused, and takes no worker for missing',
      { queues: [{ ...queue, consumers: 0, waiting: 3 }], paused: [{ queue: 'jobs', since: new Date(0) }] },
      ['PAUSED'],
    ],
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

describe('a timeline', () => {
  const at = (seconds) => new Date(1_764_000_000_000 + seconds * 1_000).toISOString()
  const node = (nodeId, state = 'done', times = {}) => {
    const moments = Object.entries(times).map(([name, seconds]) => [name, at(seconds)])
    return { nodeId, state, execution: 1, attempt: 1, ...Object.fromEntries(moments) }
  }
  const run = (nodes, more = {}) => ({
    runId: 'r',
    status: 'completed',
    createdAt: at(0),
    endedAt: at(60),
    nodes,
    ...more,
  })
  const spansOf = ({ spans }) =>
    spans.map(
      ({ kind, from, to }) => `${kind} ${(from - Date.parse(at(0))) / 1_000}-${(to - Date.parse(at(0))) / 1_000}`,
    )

  it('sets what waits apart from what is executed, in the order in which nodes became due', async () => {
    const { timelineOf, wordsOf, tookOf } = await source('run/timeline-model.ts')
    const waits = { reachedAt: 5, startedAt: 6, awaitingSince: 7, resumedAt: 50, endedAt: 51 }
    const { rows, from, to, unknown } = timelineOf(
      run([
        node('late', 'done', waits),
        node('first', 'done', { reachedAt: 0, startedAt: 1, endedAt: 5 }),
        node('old'),
      ]),
      new Set(),
      0,
    )
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['first', 'late', 'old'],
    )
    assert.deepEqual(spansOf(rows[0]), ['queued 0-1', 'executed 1-5'])
    assert.deepEqual(spansOf(rows[1]), ['queued 5-6', 'executed 6-7', 'awaited 7-50', 'queued 50-51'])
    assert.deepEqual([to - from, tookOf(rows[1]), unknown], [60_000, 46_000, 1])
    assert.equal(wordsOf(rows[0], from), '0 ms after the start; waited in the queue for 1s; executed for 4s')
    assert.equal(wordsOf(rows[2], from), 'no times are known')
  })

  it('goes on to the present moment for what is due or waits, and no further than the end of the run', async () => {
    const { timelineOf } = await source('run/timeline-model.ts')
    const nodes = [
      node('due', 'due', { reachedAt: 10 }),
      node('waits', 'awaiting', { reachedAt: 0, startedAt: 1, awaitingSince: 2 }),
    ]
    const now = Date.parse(at(30))
    const open = timelineOf(run(nodes, { status: 'running', endedAt: undefined }), new Set(), now)
    assert.deepEqual(open.rows.map(spansOf), [['queued 0-1', 'executed 1-2', 'awaited 2-30'], ['due 10-30']])
    const over = timelineOf(run(nodes, { status: 'cancelled', endedAt: at(20) }), new Set(), now)
    assert.deepEqual(spansOf(over.rows[1]), ['due 10-20'])
    const tried = { ...nodes[0], failedAttempts: [{ message: 'no', execution: 1, attempt: 1, endedAt: at(12) }] }
    assert.deepEqual(timelineOf(run([tried]), new Set(), now).rows[0].failed, [Date.parse(at(12))])
  })

  it('folds subflows and batches, and unfolds them', async () => {
    const { timelineOf } = await source('run/timeline-model.ts')
    const uuid = '0193b2c1-0000-4000-8000-000000000000'
    const times = { reachedAt: 2, startedAt: 3, endedAt: 4 }
    const nodes = [
      node('sub', 'done', { reachedAt: 0, startedAt: 1, awaitingSince: 1, resumedAt: 4, endedAt: 5 }),
      node('sub/x', 'done', times),
      node('sub/a~1b', 'done', { ...times, reachedAt: 3 }),
      ...Array.from({ length: 1_000 }, (_, item) => node(`w_${uuid}_${item}`, item === 7 ? 'failed' : 'done', times)),
    ]
    const shown = (...turned) => timelineOf(run(nodes), new Set(turned), 0).rows
    const folded = shown()
    assert.deepEqual(
      folded.map(({ id, group, state }) => [id, group.count, state]),
      [
        ['sub', 2, 'done'],
        ['batch:w', 1_000, 'failed'],
      ],
    )
    assert.deepEqual(spansOf(folded[0]), ['queued 0-1', 'executed 1-1', 'inside 1-4', 'queued 4-5'])
    assert.deepEqual(spansOf(folded[1]), ['inside 2-4'])
    const open = shown('sub')
    assert.deepEqual(
      open.slice(0, 3).map(({ title, depth }) => [title, depth]),
      [
        ['sub', 0],
        ['x', 1],
        ['a/b', 1],
      ],
    )
    assert.equal(shown('batch:w').length, 1_002)
  })

  it('of ten thousand nodes is there at once', async () => {
    const { timelineOf } = await source('run/timeline-model.ts')
    const nodes = Array.from({ length: 10_000 }, (_, each) =>
      node(`n${each}`, 'done', { reachedAt: each, startedAt: each, endedAt: each + 1 }),
    )
    const begun = performance.now()
    assert.equal(timelineOf(run(nodes), new Set(), 0).rows.length, 10_000)
    assert.ok(performance.now() - begun < 2_000, `${performance.now() - begun} ms`)
  })

  it('has few marks, at round places', async () => {
    const { ticksOf } = await source('run/timeline-model.ts')
    assert.deepEqual(ticksOf(45, 6), [0, 10, 20, 30, 40])
    assert.deepEqual(ticksOf(60_000, 6), [0, 10_000, 20_000, 30_000, 40_000, 50_000])
    for (const length of [1, 7, 999, 3_600_000, 86_400_000, 40 * 86_400_000]) {
      const { length: marks } = ticksOf(length, 6)
      assert.ok(marks >= 1 && marks <= 7, `${marks} marks of ${length}`)
    }
  })
})
