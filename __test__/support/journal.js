// With FLOWCRAFT_TABLES=journal every suite runs on tables that were migrated: what is promised holds there too.
import { migrate } from '@flowcraft/rabbitmq-adapter'

const WISHED = process.env.FLOWCRAFT_TABLES === 'journal'

/** Makes the journal, if this run of the tests is about it. */
export async function journalIfWished(pgClient, contextTableName, statusTableName) {
  if (WISHED) await migrate({ pgClient, contextTableName, statusTableName })
}

/** Why a test of what stands in the rows alone is left out there. */
export const withoutJournal = WISHED && 'it is about the rows, and the journal has some of it'

/** Where the contexts are read as they are at the moment, in a query of the context table as `c`. */
export function live(contexts) {
  if (!WISHED) return 'c.context_data'
  const shown = `(SELECT context_data FROM ${contexts}_live AS l WHERE l.run_id = c.run_id)`
  const kept = `jsonb_build_object('_flowcraft', c.context_data->'_flowcraft')`
  return `CASE WHEN jsonb_typeof(c.context_data) = 'object' AND c.context_data ? '_flowcraft' THEN ${shown} || ${kept} ELSE ${shown} END`
}
