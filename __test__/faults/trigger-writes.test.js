// A trigger of the user's may change a context as it is written: later nodes see what is in the row.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { onServers, sharedServersFor } from '../fixtures/shared-servers.js'

const journal = process.env.FLOWCRAFT_TABLES === 'journal'
const skip = journal && 'with a journal a row is written when its run pauses or ends'

/** What nodes b and c saw of a key, and what the row says in the end. */
async function seenThrough(t, triggers, key = 'stamp') {
  const servers = await sharedServersFor(t)
  const [schema] = servers.contextTable.split('.')
  await servers.pg.query(triggers(servers.contextTable, schema))
  const seen = []
  const look = async ({ context }) => {
    seen.push(await context.get(key))
    return { output: 1 }
  }
  const flow = createFlow('steps')
    .node('a', async ({ context }) => {
      await context.set('secret', 'plain')
      return { output: 1 }
    })
    .node('b', look)
    .node('c', look)
    .edge('a', 'b')
    .edge('b', 'c')
  servers.adapter(flow)
  const { status, context } = await servers.run(flow, { kept: true })
  assert.deepEqual([status, context.kept], ['completed', true])
  return { seen, row: context[key] }
}

const before = (table, schema, body) => `
  CREATE FUNCTION ${schema}.change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
  CREATE TRIGGER change BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.change()`

describe('what a trigger writes into a context', { ...onServers('triggers'), ...(skip && { skip }) }, () => {
  it('before the row is written is seen by the nodes that follow', async (t) => {
    const count = `NEW.context_data = NEW.context_data ||
      jsonb_build_object('stamp', coalesce((OLD.context_data->>'stamp')::int, 0) + 1);`
    const { seen, row } = await seenThrough(t, (table, schema) => before(table, schema, count))
    // The run begins, then a ends, then b; the last one is c.
    assert.deepEqual([seen, row], [[2, 3], 4])
  })

  it('after it was written is seen too', async (t) => {
    const { seen, row } = await seenThrough(
      t,
      (table, schema) => `
        CREATE FUNCTION ${schema}.change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF pg_trigger_depth() < 2 THEN
            UPDATE ${table} SET context_data = context_data || '{"stamp":"later"}' WHERE run_id = NEW.run_id;
          END IF; RETURN NULL; END $$;
        CREATE TRIGGER change AFTER UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${schema}.change()`,
    )
    assert.deepEqual([seen, row], [['later', 'later'], 'later'])
  })

  it('and what it takes away or replaces is not', async (t) => {
    const mask = `IF NEW.context_data ? 'secret' THEN
      NEW.context_data = jsonb_set(NEW.context_data, '{secret}', '"***"'); END IF;`
    const { seen, row } = await seenThrough(t, (table, schema) => before(table, schema, mask), 'secret')
    assert.deepEqual([seen, row], [['***', '***'], '***'])
  })
})
