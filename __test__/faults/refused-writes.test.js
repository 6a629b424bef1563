// What a user's own tables refuse is the trouble of the run that is refused: its node fails with the server's words and
// SQLSTATE, its fallback takes over, and nobody else notices. Where not even the failure can be written, the message is a
// dead letter, the status row says why, and nothing is tried again and again.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFlow } from 'flowcraft'
import { withoutJournal } from '../fixtures/journal.js'
import { onServers, openSharedServers } from '../fixtures/shared-servers.js'
import { until } from '../fixtures/until.js'

const refused = createFlow('refused').node('poison', async () => ({ output: 'poison' }))
const saved = createFlow('saved')
  .node('poison', async () => ({ output: 'poison' }), { config: { fallback: 'instead' } })
  .node('instead', async () => ({ output: 'saved' }))
  .node('end', async ({ input }) => ({ output: `${input}!` }))
  .edge('poison', 'end')
const healthy = createFlow('healthy')
  .node('a', async () => ({ output: 1 }))
  .node('b', async () => ({ output: 2 }))
  .edge('a', 'b')

/** With a journal the row is written when its run pauses or ends: what it refuses is the result of that node. */
const checkedLate = withoutJournal && 'the row is written at the end of a run'

const isPoison = (row) => `${row}.context_data->>'_outputs.poison' = 'poison'`

describe('a write that the tables refuse', onServers('triggers and constraints'), () => {
  let servers
  let adapter
  const warnings = []
  before(async () => {
    servers = await openSharedServers()
    adapter = servers.adapter([refused, saved, healthy], {
      concurrency: 50,
      repairInterval: 500,
      runtime: { logger: { debug() {}, info() {}, error() {}, warn: (line) => warnings.push(line) } },
    })
  })
  after(() => servers?.close())

  /** A trigger before each change of a table, whose body is PL/pgSQL; gone with the test. */
  async function trigger(t, body, table = servers.contextTable, when = 'UPDATE') {
    const name = `f_${servers.runId().replaceAll('-', '_')}`
    const [schema] = servers.contextTable.split('.')
    await servers.pg.query(
      `CREATE FUNCTION ${schema}.${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$`,
    )
    await servers.pg.query(
      `CREATE TRIGGER ${name} BEFORE ${when} ON ${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.${name}()`,
    )
    t.after(() => servers.pg.query(`DROP TRIGGER ${name} ON ${table}`))
  }

  async function constraint(t, check, table = servers.contextTable) {
    await servers.pg.query(`ALTER TABLE ${table} ADD CONSTRAINT refuses CHECK (${check}) NOT VALID`)
    t.after(() => servers.pg.query(`ALTER TABLE ${table} DROP CONSTRAINT refuses`))
  }

  /** Poisoned runs among healthy ones, all begun at once; every healthy one completes, and quickly. */
  async function amongOthers(flow) {
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, number) => servers.begin(number % 5 === 0 ? flow : healthy)),
    )
    const ends = await Promise.all(all.map((run) => servers.settled(run, undefined, 10_000)))
    for (const [number, { status }] of ends.entries()) if (number % 5 !== 0) assert.equal(status, 'completed')
    return ends.filter((_, number) => number % 5 === 0)
  }

  const REFUSALS = {
    'a check constraint': [(t) => constraint(t, `NOT coalesce(${isPoison('contexts')}, false)`), /refuses.*23514/],
    'a trigger that raises an exception': [
      (t) => trigger(t, `IF ${isPoison('NEW')} THEN RAISE EXCEPTION 'not with us'; END IF;`),
      /not with us \(SQLSTATE P0001\)/,
    ],
    'a trigger that raises a code of its own': [
      (t) => trigger(t, `IF ${isPoison('NEW')} THEN RAISE EXCEPTION 'no' USING ERRCODE = 'MY042'; END IF;`),
      /SQLSTATE MY042/,
    ],
    'a trigger with a defect': [
      (t) => trigger(t, `IF ${isPoison('NEW')} THEN PERFORM 1 FROM nowhere_at_all; END IF;`),
      /nowhere_at_all.*SQLSTATE 42P01/,
    ],
  }
  for (const [what, [refuse, words]] of Object.entries(REFUSALS)) {
    describe(`${what} refuses a result`, () => {
      it('the node fails with the reason, and no other run notices', async (t) => {
        await refuse(t)
        for (const { status, result, context } of await amongOthers(refused)) {
          assert.equal(status, 'failed')
          assert.match(result.reason, /Node 'poison'/)
          assert.match(result.reason, words)
          assert.equal(context['_outputs.poison'], undefined)
        }
      })

      it('its fallback takes over', { skip: checkedLate }, async (t) => {
        await refuse(t)
        for (const { status, context } of await amongOthers(saved)) {
          assert.deepEqual([status, context['_outputs.end']], ['completed', 'saved!'])
        }
      })
    })
  }

  describe('a status table', () => {
    it('that refuses the end of a run fails the node that ended it', async (t) => {
      const end = `NOT (status = 'completed' AND (status_data->'payload'->'context') ? '_outputs.poison')`
      await constraint(t, `coalesce(${end}, true)`, servers.statusTable)
      for (const { status, result } of await amongOthers(refused)) {
        assert.equal(status, 'failed')
        assert.match(result.reason, /23514/)
      }
    })

    it('that refuses to have one run kept alive makes no other seem lost', async (t) => {
      const begun = []
      const slow = createFlow('slow').node('wait', async () => {
        await new Promise((open) => begun.push(open))
        return { output: 1 }
      })
      const queue = servers.queue
      await servers.workerFor(t, [slow], { repairInterval: 500, concurrency: 5 })
      t.after(() => {
        for (const open of begun) open()
        servers.queue = queue
      })
      const [one, other] = [await servers.begin(slow), await servers.begin(slow)]
      await until(() => begun.length === 2)
      await trigger(t, `IF NEW.run_id = '${one}' THEN RAISE EXCEPTION 'untouchable'; END IF;`, servers.statusTable)
      const seen = async () => new Date((await servers.look(other)).updatedAt).getTime()
      const before = await seen()
      await until(async () => (await seen()) > before, { what: 'the other run to be kept alive', timeout: 5000 })
    })
  })

  describe('a row that refuses every change', () => {
    it('makes its message a dead letter; the status says why, and nothing goes round', async (t) => {
      const run = servers.runId()
      await trigger(t, `IF NEW.run_id = '${run}' THEN RAISE EXCEPTION 'carved in stone'; END IF;`)
      warnings.length = 0
      await servers.begin(refused, {}, { runId: run })
      const { status, result } = await servers.settled(run)
      assert.equal(status, 'failed')
      assert.match(result.reason, /carved in stone \(SQLSTATE P0001\)/)
      const letters = async () => (await adapter.listDeadLetters()).filter(({ job }) => job?.runId === run)
      assert.equal((await letters()).length, 1)
      assert.match((await letters())[0].reason, /carved in stone/)
      const said = warnings.length
      // Longer than recovery needs to find a run that is lost.
      await sleep(2000)
      assert.deepEqual([(await letters()).length, warnings.length], [1, said])
    })
  })
})
