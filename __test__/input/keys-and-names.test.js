// Names are data: whatever stands in a context key, a node's id, a run's id, a blueprint's id or a table's name means
// itself, reaches no SQL, and is no other name.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { onServers, openSharedServers, STATUS_TABLES, urls } from '../fixtures/shared-servers.js'

const NAMES = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  `it's`,
  `say "hi"`,
  '`tick`',
  '{braces}',
  '{a,b}',
  '[0]',
  'a.b.c',
  '.',
  '$1',
  '$2::text',
  '%s%n',
  '?',
  'back\\slash',
  '\\u0000',
  `'); DROP TABLE contexts; --`,
  `x' OR '1'='1`,
  ' ',
  ' spaced out ',
  'tab\tnew\nline\r',
  '\u2028',
  '\u0001\u007f',
  'a:b/c#d*',
  '_outputs.',
  '_inputs.first',
  'e\u0301',
  '\u00e9',
  'ÄÖÜ ß',
  'İi',
  '日本語',
  'עברית',
  '😀',
  '👩‍👩‍👧',
  '\ufeff',
  'null',
  '0',
  '-1',
  'n'.repeat(10_000),
]

/** One flow for every name: its two nodes are called by it, and it is called by it. */
const flowOf = (name) =>
  createFlow(name)
    .node(name, async ({ context }) => ({ output: await context.get('given') }))
    .node(`after ${name}`, async ({ context, input }) => ({ output: [input, await context.get(name)] }))
    .edge(name, `after ${name}`)

/** Reads, writes and removes keys under every name. */
const keys = createFlow('keys')
  .node('first', async ({ context }) => {
    for (const [index, name] of ['', ...NAMES].entries()) {
      const seen = [await context.get(name), await context.has(name), Object.hasOwn(await context.toJSON(), name)]
      assert.deepEqual(seen, [index, true, true], name)
      await context.set(name, { index })
      await context.set(`${name} to go`, 1)
    }
    return {}
  })
  .node('second', async ({ context }) => {
    for (const [index, name] of ['', ...NAMES].entries()) {
      assert.deepEqual(await context.get(name), { index }, name)
      assert.equal(await context.delete(`${name} to go`), true, name)
      assert.equal(await context.has(`${name} never was`), false, name)
    }
    return {}
  })
  .edge('first', 'second')

let badInput
let servers
before(async () => {
  badInput = await openBadInput([keys, ...NAMES.map(flowOf)])
  servers = badInput.servers
})
after(() => badInput.close())

describe('context keys', () => {
  const given = Object.fromEntries(['', ...NAMES].map((name, index) => [name, index]))
  const written = Object.fromEntries(['', ...NAMES].map((name, index) => [name, { index }]))

  it('of any name are read, written and removed by nodes, each for itself', () =>
    badInput.amongHealthyRuns(async () => {
      const { status, result, context } = await servers.run(keys, given)
      assert.equal(status, 'completed', result?.reason)
      const { blueprintId, blueprintVersion, _flowcraft, '_inputs.second': input, ...own } = context
      assert.deepEqual(own, written)
      assert.deepEqual(result.payload.context, JSON.parse(result.payload.serializedContext))
    }))

  it('of any name are read, written and removed in a context directly', () =>
    badInput.amongHealthyRuns(async () => {
      const runId = servers.runId()
      const context = badInput.adapter.createContext(runId)
      await context.patch(Object.entries(given).map(([key, value]) => ({ op: 'set', key, value })))
      assert.deepEqual(await context.toJSON(), given)
      for (const [name, index] of Object.entries(given)) {
        assert.deepEqual([await context.get(name), await context.has(name)], [index, true], name)
        await context.set(name, { index })
      }
      assert.deepEqual(await context.toJSON(), written)
      for (const name of Object.keys(given)) {
        assert.deepEqual([await context.delete(name), await context.delete(name)], [true, false], name)
        assert.deepEqual([await context.get(name), await context.has(name)], [undefined, false], name)
      }
      assert.deepEqual(await context.toJSON(), {})
    }))

  it('that cannot be stored, or are no text, are refused where they are written', () =>
    badInput.amongHealthyRuns(async () => {
      const context = badInput.adapter.createContext(servers.runId())
      for (const key of ['a\0b', 'a\ud800', '\udc00', '_flowcraft', 7, null, undefined, Symbol('key'), {}]) {
        await assert.rejects(context.set(key, 1), TypeError, String(key))
        await assert.rejects(context.patch([{ op: 'delete', key }]), TypeError, String(key))
      }
      assert.deepEqual(await context.toJSON(), {})
    }))

  it('that cannot be stored fail the node that writes them, by name', async (t) => {
    const bad = { 'null character': 'a\0b', 'half a pair': 'a\ud800', 'no text': 7, reserved: '_flowcraft' }
    const flows = Object.entries(bad).map(([title, key]) =>
      createFlow(title).node('writer', async ({ context }) => {
        await context.set(key, 1)
        return {}
      }),
    )
    const other = await openBadInput(flows)
    t.after(() => other.close())
    for (const flow of flows) {
      const { status, result } = await other.servers.run(flow)
      assert.equal(status, 'failed')
      assert.match(result.reason, /Node 'writer'.*context key/)
    }
  })
})

describe('nodes, runs and blueprints', () => {
  for (const name of NAMES) {
    const title = name.length > 100 ? `${name.length} characters` : JSON.stringify(name)
    it(`called ${title} run as any other`, async () => {
      // What is longer than an index can hold, the client itself could not insert.
      const runId = name.length > 1000 ? servers.runId() : `${servers.name} ${name}`
      await servers.begin(flowOf(name), { given: 'this' }, { runId })
      const { status, result, context } = await servers.settled(runId)
      assert.equal(status, 'completed', result?.reason)
      assert.deepEqual(
        [context[`_outputs.${name}`], context[`_outputs.after ${name}`], context.blueprintId],
        ['this', ['this', 'this'], name],
      )
    })
  }

  it('none of them was mistaken for another', async () => {
    const ids = await servers.blueprintIds()
    for (const name of NAMES) assert.equal(ids.filter((id) => id === name).length, 1, name)
  })

  it('a run is controlled by its id, whatever it is', async () => {
    const flow = createFlow('gate').wait('gate')
    const other = await openBadInput(flow)
    try {
      for (const name of NAMES.filter((each) => each.length < 1000)) {
        const runId = `${name} controlled`
        await other.servers.begin(flow, {}, { runId })
        await other.servers.settled(runId, ['awaiting'])
        assert.deepEqual([...(await other.adapter.resumeWithAction(runId, name, { name }))], ['gate'])
        assert.deepEqual((await other.servers.settled(runId)).context['_outputs.gate'], { name })
      }
      await assert.rejects(other.adapter.resumeWithAction(`' OR true --`, 'on'), /there is no such run/)
      await assert.rejects(other.adapter.cancel('%', 'all'), /there is no such run/)
    } finally {
      await other.close()
    }
  })

  it('an action can be called anything, and means only itself', async (t) => {
    const flow = createFlow('choice').node('choose', async ({ context }) => ({ action: await context.get('action') }))
    for (const [index, name] of NAMES.entries()) {
      flow.node(`n${index}`, () => ({ output: 'here' })).edge('choose', `n${index}`, { action: name })
    }
    const other = await openBadInput(flow)
    t.after(() => other.close())
    for (const [index, name] of NAMES.entries()) {
      const { status, context } = await other.servers.run(flow, { action: name })
      const reached = Object.keys(context).filter((key) => /^_outputs\.n\d+$/.test(key))
      assert.deepEqual([status, reached], ['completed', [`_outputs.n${index}`]], name)
    }
  })
})

describe('tables', onServers('the names of SQL'), () => {
  /** The name as it is handed to us, and as it stands in SQL. */
  const tables = {
    'a bare name means what it means in SQL': ['Contexts_Of_Mine', 'Contexts_Of_Mine'],
    'a bare name finds a table made with capitals': ['OrderContexts', '"OrderContexts"'],
    'a bare name with an umlaut': ['ÜBERSICHT', 'ÜBERSICHT'],
    quotes: ['"say ""hi"""', '"say ""hi"""'],
    dots: ['"a.b.c"', '"a.b.c"'],
    'spaces and capitals': ['"My Contexts"', '"My Contexts"'],
    'a reserved word': ['select', '"select"'],
    'a statement': ['"x""; DROP TABLE y; --"', '"x""; DROP TABLE y; --"'],
    'a placeholder': ['"$1"', '"$1"'],
    'an apostrophe and a backslash': [`"o'clock\\"`, `"o'clock\\"`],
    'an emoji': ['"😀"', '"😀"'],
    'as many characters as a name may have': [`"${'T'.repeat(63)}"`, `"${'T'.repeat(63)}"`],
  }
  let other
  before(async () => {
    other = await openSharedServers()
  })
  after(() => other.close())
  const flow = createFlow('named').node('a', () => ({ output: 1 }))

  for (const [title, [written, inSql]] of Object.entries(tables)) {
    it(title, async () => {
      // In the search path, in a plain schema, and in one that is called whatever it likes.
      const plain = `${other.name}_${Object.keys(tables).indexOf(title)}`
      const odd = `"Of ""${plain}"". Really $1"`
      for (const schema of [plain, odd]) {
        await other.pg.query(`CREATE SCHEMA ${schema}`)
        await other.pg.query(`CREATE TABLE ${schema}.${inSql} (run_id TEXT PRIMARY KEY, context_data JSONB NOT NULL)`)
      }
      try {
        const found = { connectionString: urls.direct, options: `-csearch_path=${plain}` }
        for (const [schema, name, pgClient] of [
          [plain, written, found],
          [plain, `${plain}.${written}`, urls.database],
          [odd, `${odd}.${written}`, urls.database],
        ]) {
          other.contextTable = `${schema}.${inSql}`
          const { status, context } = await other.runAlone(flow, { pgClient, contextTableName: name })
          assert.deepEqual([status, context['_outputs.a']], ['completed', 1], name)
          const direct = new PostgresContext(`${other.name}-${other.runs}`, { client: pgClient, tableName: name })
          assert.equal(await direct.get('_outputs.a'), 1, name)
        }
      } finally {
        for (const schema of [plain, odd]) await other.pg.query(`DROP SCHEMA ${schema} CASCADE`)
      }
    })
  }

  it('a status table is named in the same way', async () => {
    other.contextTable = `${other.name}.contexts`
    for (const name of ['"My ""Status"" $1"', 'StatusOfMine', '"a.b"']) {
      other.statusTable = `${other.name}.${name}`
      await other.pg.query(`CREATE TABLE ${other.statusTable} ${STATUS_TABLES.code}`)
      assert.equal((await other.runAlone(flow)).status, 'completed', name)
    }
  })

  it('one that is not there is named in the error, with the statement that makes it', async () => {
    const adapter = servers.adapter(keys, { started: false, contextTableName: '"no ""such"" $1"' })
    await assert.rejects(adapter.createContext('r').get('k'), (error) => {
      assert.ok(error.message.includes('the table \'"no ""such"" $1"\' does not exist'), error.message)
      assert.ok(error.message.includes('CREATE TABLE "no ""such"" $1" ('), error.message)
      return true
    })
  })
})
