/**
 * A look at a context by PostgreSQL itself: it says keys, kinds and sizes, and gives out what is small. A context may have a
 * hundred megabytes, of which a page shows a few thousand characters.
 */
import { fromJson } from '../bridge/json.js'
import type { JsonKind } from '../bridge/json-slices.js'
import type { Database } from '../bridge/native.js'
import { readingsOf } from '../client/queue-facts.js'
import type { Board } from './board.js'
import { type ChildView, LONGEST_TEXT, MOST_CHILDREN, SMALL, shallowView, type ValueView } from './value-view.js'

/** The context table, and its journal where there is one, as SQL has them. */
interface Tables {
  contexts: string
  journal: string | null
  /** The type of the column `run_id`. */
  type: string
}

/** Which value of which run, and which of its children first. */
export interface Place {
  readonly runId: string
  readonly path: readonly string[]
  readonly from: number
}

/** What PostgreSQL says of a value: its JSON where it is small, the beginning of a long text, else kind and size alone. */
interface Told {
  kind: JsonKind
  size: number
  json: string | null
  beginning: string | null
  /** It may have an envelope: only this process can say what is in it. */
  sealed: boolean
}

/** How long the tables are known, in milliseconds: a migration may add one. */
const KNOWN_FOR = 5_000

/** The tables; undefined where PostgreSQL cannot be asked, or they have no names that could be told here. */
export function tablesOf({ host: { beside }, shared }: Board): Promise<Tables | undefined> {
  const { database, contexts } = beside
  return shared.get('context tables', KNOWN_FOR, async () => {
    const [found] = await rowsOf<Tables>(database, TABLES, readingsOf(contexts))
    return found
  })
}

// The journal of a table with a long name has another name than this: such a context is read whole.
const TABLES = `
  SELECT c.oid::regclass::text AS contexts, format_type(a.atttypid, NULL) AS type,
    (SELECT j.oid::regclass::text FROM pg_class AS j
     WHERE j.relnamespace = c.relnamespace AND j.relname = c.relname || '_journal') AS journal
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'run_id' AND NOT a.attisdropped
  WHERE c.oid = coalesce(to_regclass($1[1]), to_regclass($1[2])) AND octet_length(c.relname) <= 55`

/** What tells two states of a context apart, cheaply; undefined where there is no such run, or it cannot be told. */
export async function revisionOf(board: Board, runId: string): Promise<string | undefined> {
  const tables = await tablesOf(board)
  if (!tables) return undefined
  const { contexts, journal, type } = tables
  const last = journal === null ? "''" : `(SELECT max(entry) FROM ${journal} WHERE run_id = $1[1])`
  const query = `
    SELECT concat_ws(' ', c.ctid, c.xmin, ${last}) AS revision FROM ${contexts} AS c WHERE c.run_id = $1[1]::${type}`
  const [row] = await rowsOf<{ revision: string }>(board.host.beside.database, query, [runId])
  return row?.revision
}

/** A value as it is to be seen at once; null where there is none, undefined where it has to be read to be told. */
export async function glance(board: Board, place: Place): Promise<ValueView | null | undefined> {
  // What is hidden, the user's function decides by the whole value.
  if (board.redaction.isOn) return undefined
  const tables = await tablesOf(board)
  if (!tables) return undefined
  const { database } = board.host.beside
  return place.path.length === 0 ? rootView(database, tables, place) : innerView(database, tables, place)
}

async function rootView(database: Database, tables: Tables, place: Place): Promise<ValueView | undefined> {
  const query = `
    ${keysOf(tables)} SELECT key, ${toldOf('value')}, (sum(${sizeOf('value')}) OVER ())::float8 AS total
    FROM keys ORDER BY key COLLATE "C" OFFSET ${place.from} LIMIT ${MOST_CHILDREN + 1}`
  const rows = await rowsOf<Told & { key: string; total: number }>(database, query, [place.runId])
  if (rows.length === 0 && place.from > 0) {
    const first = await rootView(database, tables, { ...place, from: 0 })
    return first && { kind: 'object', size: first.size, children: [] }
  }
  // Nothing was found: the run may be unknown, which only the engine says.
  if (rows.length === 0 || rows.some(({ sealed }) => sealed)) return undefined
  return { kind: 'object', size: rows[0]?.total ?? 0, ...pageOf(rows, place) }
}

/** What tells the value of each key from others; undefined where all of them have to be read for that. */
export async function printsOf(board: Board, runId: string): Promise<Map<string, string> | undefined> {
  if (board.redaction.isOn) return undefined
  const tables = await tablesOf(board)
  if (!tables) return undefined
  // JSONB of equal values has equal texts.
  const query = `${keysOf(tables)} SELECT key, md5(value::text) AS print, ${sealed('value')} AS sealed FROM keys`
  type Print = { key: string; print: string; sealed: boolean }
  const rows = await rowsOf<Print>(board.host.beside.database, query, [runId])
  if (rows.length === 0 || rows.some((row) => row.sealed)) return undefined
  return new Map(rows.map(({ key, print }) => [key, print]))
}

/** Values of some keys, among others: of what is large only kind and size. */
export async function shallowViews(
  board: Board,
  runId: string,
  keys: readonly string[],
): Promise<Map<string, ValueView>> {
  const tables = await tablesOf(board)
  if (!tables) return new Map()
  const query = `${keysOf(tables)} SELECT key, ${toldOf('value')} FROM keys WHERE key = ANY ($1[2:])`
  const rows = await rowsOf<Told & { key: string }>(board.host.beside.database, query, [runId, ...keys])
  return new Map(rows.map((row) => [row.key, viewOfTold(row, [row.key])]))
}

async function innerView(database: Database, tables: Tables, place: Place): Promise<ValueView | null | undefined> {
  const query = `
    WITH row AS MATERIALIZED (${rowOf(tables)}), latest AS MATERIALIZED (${latestOf(tables, 'AND key = $1[2]')}),
    top AS MATERIALIZED (
      SELECT CASE WHEN EXISTS (SELECT FROM latest) THEN (SELECT value FROM latest) ELSE context_data->$1[2] END AS value
      FROM row),
    found AS MATERIALIZED (SELECT top.value #> $1[3:] AS value, ${sealed('top.value')} AS is_sealed FROM top)
    SELECT ${toldOf('found.value')}, found.is_sealed AS "isSealed", (
      SELECT json_agg(child ORDER BY child.place) FROM (
        SELECT e.key, e.place, ${toldOf('e.value')} FROM (
          SELECT key, value, place FROM jsonb_each(${only('object', '{}')}) WITH ORDINALITY AS e (key, value, place)
          UNION ALL SELECT (place - 1)::text, value, place
          FROM jsonb_array_elements(${only('array', '[]')}) WITH ORDINALITY AS e (value, place)) AS e
        ORDER BY e.place OFFSET ${place.from} LIMIT ${MOST_CHILDREN + 1}) AS child) AS children
    FROM found`
  type Inner = Told & { isSealed: boolean | null; children: (Told & { key: string })[] | null }
  const [row] = await rowsOf<Inner>(database, query, [place.runId, ...place.path])
  if (!row || row.isSealed) return undefined
  // No value is there: SQL says no kind of it.
  if (row.kind === null) return null
  if (row.kind !== 'object' && row.kind !== 'array') return viewOfTold(row, place.path)
  return { kind: row.kind, size: row.size, ...pageOf(row.children ?? [], place) }
}

function only(kind: 'object' | 'array', empty: string): string {
  return `CASE WHEN jsonb_typeof(found.value) = '${kind}' THEN found.value ELSE '${empty}' END`
}

/** SQL: `keys`, which has each key of the context with its value. */
function keysOf(tables: Tables): string {
  return `
    WITH row AS MATERIALIZED (${rowOf(tables)}), latest AS MATERIALIZED (${latestOf(tables, '')}),
    keys AS (
      SELECT e.key, e.value FROM row, jsonb_each(row.context_data) AS e
      WHERE e.key <> '_flowcraft' AND NOT EXISTS (SELECT FROM latest WHERE latest.key = e.key)
      UNION ALL SELECT key, value FROM latest WHERE is_set)`
}

function rowOf({ contexts, type }: Tables): string {
  return `SELECT c.context_data FROM ${contexts} AS c WHERE c.run_id = $1[1]::${type}`
}

/** What the journal says of keys last: an entry removes before it sets. */
function latestOf({ journal }: Tables, which: string): string {
  if (journal === null) return "SELECT ''::text AS key, NULL::jsonb AS value, false AS is_set WHERE false"
  return `
    SELECT DISTINCT ON (key) key, value::jsonb AS value, is_set FROM (
      SELECT d.key, NULL::json AS value, j.entry, false AS is_set
      FROM ${journal} AS j, json_array_elements_text(j.change->'deletes') AS d (key) WHERE j.run_id = $1[1]
      UNION ALL SELECT s.key, s.value, j.entry, true
      FROM ${journal} AS j, json_each(j.change->'sets') AS s (key, value) WHERE j.run_id = $1[1]) AS said
    WHERE true ${which} ORDER BY key, entry DESC, is_set DESC`
}

/** In characters of JSON, of what is large about so many: to write that as text only to count it takes long. */
function sizeOf(value: string): string {
  return `CASE WHEN pg_column_size(${value}) > 100000 THEN pg_column_size(${value}) ELSE length(${value}::text) END`
}

function toldOf(value: string): string {
  const isSmall = `CASE WHEN pg_column_size(${value}) <= ${2 * SMALL} THEN length(${value}::text) <= ${SMALL} END`
  return `
    jsonb_typeof(${value}) AS kind, (${sizeOf(value)})::float8 AS size, ${sealed(value)} AS sealed,
    CASE WHEN jsonb_typeof(${value}) = 'number' OR ${isSmall} THEN ${value}::text END AS json,
    CASE WHEN jsonb_typeof(${value}) = 'string' THEN left(${value} #>> '{}', ${LONGEST_TEXT + 1}) END AS beginning`
}

function sealed(value: string): string {
  return `(jsonb_typeof(${value}) = 'object' AND ${value} ?| '{_flowcraft.encrypted,_flowcraft.plain}')`
}

function pageOf(
  rows: readonly (Told & { key: string })[],
  { path, from }: Place,
): Pick<ValueView, 'children' | 'next'> {
  const children = rows
    .slice(0, MOST_CHILDREN)
    .map((row): ChildView => ({ key: row.key, value: viewOfTold(row, [...path, row.key]) }))
  return { children, ...(rows.length > MOST_CHILDREN && { next: from + MOST_CHILDREN }) }
}

function viewOfTold({ kind, size, json, beginning }: Told, path: readonly string[]): ValueView {
  if (json !== null) return shallowView(json, { path })
  if (beginning === null) return { kind, size }
  if (beginning.length <= LONGEST_TEXT) return { kind, size, text: beginning }
  return { kind, size, text: beginning.slice(0, LONGEST_TEXT), isCut: true }
}

async function rowsOf<Row>(database: Database, query: string, texts: string[]): Promise<Row[]> {
  return fromJson((await database.ask(query, texts)) ?? '[]') as Row[]
}
