/** What is known of queues: what waits in them by RabbitMQ, and how old it is by the record. */

import { withinTime } from '../bridge/deadline.js'
import { fromJson } from '../bridge/json.js'
import type { Broker, Database } from '../bridge/native.js'
import { errorOf } from '../errors.js'

export interface Depth {
  messages: number
  consumers: number
}

/** How long RabbitMQ may take to answer, in milliseconds. */
const PATIENCE = 15_000

/** What waits in a queue, and who consumes it; undefined where there is no such queue. */
export async function depthOf(broker: Broker, queue: string): Promise<Depth | undefined> {
  const silent = errorOf('RabbitMQ does not answer', { code: 'BROKER_UNREACHABLE', retryable: true })
  const depth = await withinTime(broker.depth(queue), PATIENCE, silent)
  return depth === null ? undefined : (fromJson(depth) as Depth)
}

/** Running runs of a queue and blueprint. */
export interface Waiting {
  queue: string | null
  blueprint: string | null
  runs: number
  /** How long the one that has not changed for longest has not, in milliseconds. */
  age: number
}

/** Those that changed least recently, so many: contexts may be large. */
const LOOKED_AT = 10_000

/** The running runs by queue and blueprint; none where the status table does not say when they changed. */
export async function waitingRuns(
  database: Database,
  { contexts, statuses }: { contexts: string; statuses: string },
): Promise<Waiting[]> {
  const [contextTable, statusTable] = [await tableOf(database, contexts), await tableOf(database, statuses)]
  if (!contextTable || !statusTable?.columns.includes('updated_at')) return []
  const word = statusTable.columns.includes('status') ? 's.status::text' : "s.status_data->>'status'"
  const query = `
    SELECT c.context_data->'_flowcraft'->>'queue' AS queue,
      coalesce(c.context_data->'_flowcraft'->'blueprint'->>'id', c.context_data->>'blueprintId') AS blueprint,
      count(*)::float8 AS runs, greatest(0, extract(epoch FROM now() - min(s.updated_at)) * 1000)::float8 AS age
    FROM (SELECT s.run_id, s.updated_at FROM ${statusTable.sql} AS s WHERE ${word} = 'running' ORDER BY s.updated_at LIMIT ${LOOKED_AT}) AS s
    JOIN ${contextTable.sql} AS c ON c.run_id::text = s.run_id::text GROUP BY 1, 2`
  return fromJson((await database.ask(query, [])) ?? '[]') as Waiting[]
}

export interface Table {
  /** Its quoted name. */
  sql: string
  columns: string[]
}

/** A table as PostgreSQL finds it under a name; undefined where there is none. */
export async function tableOf(database: Database, name: string): Promise<Table | undefined> {
  const query = `
    SELECT c.oid::regclass::text AS sql, json_agg(a.attname ORDER BY a.attnum) AS columns
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = coalesce(to_regclass($1[1]), to_regclass($1[2])) GROUP BY c.oid`
  return (fromJson((await database.ask(query, readingsOf(name))) ?? '[]') as Table[])[0]
}

/** The quoted names that a name may mean, as the engine reads it: in lower case as in SQL, else exactly as it is written. */
export function readingsOf(name: string): [string, string] {
  const parts = [...name.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g)]
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
  const read = (fold: boolean) =>
    parts
      .map(([, quoted, bare = '']) => quote(quoted?.replaceAll('""', '"') ?? (fold ? bare.toLowerCase() : bare)))
      .join('.')
  return [read(true), read(false)]
}
