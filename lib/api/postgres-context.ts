/** A run's context in PostgreSQL, read and written directly. */
import type { IAsyncContext, PatchOperation } from 'flowcraft'
import { contextKey, fromJson } from '../bridge/json.js'
import { ContextTable, type Database } from '../bridge/native.js'
import { placeOf } from '../bridge/places.js'
import { Values } from '../bridge/values.js'
import { sharedDatabase } from '../connections/postgres.js'
import { POSTGRES_CONTEXT_SCHEMA, type PostgresContextOptions } from '../options/postgres-context.js'
import { check } from '../options/schema.js'

/** Options made for a pool that exists: an adapter's contexts use the adapter's own. */
const existing = new WeakMap<PostgresContextOptions, Existing>()

/** What an adapter's contexts share with it. */
interface Existing {
  database: Database
  values: Values
}

/** Options of a context over an existing pool. */
export function contextOptionsOver(adapters: Existing, tableName: string): PostgresContextOptions {
  const options: PostgresContextOptions = { client: {}, tableName }
  existing.set(options, adapters)
  return options
}

/**
 * An `IAsyncContext` over one row of the context table. Every call is one statement; `patch` applies its
 * operations in one, and creates the row when there is none. Keys are data: quotes, dots and braces are safe.
 *
 * @example
 * ```ts
 * const context = new PostgresContext('order-17', {
 *   client: 'postgresql://localhost/shop',
 *   tableName: 'flowcraft_contexts',
 * })
 * ```
 */
export class PostgresContext implements IAsyncContext<Record<string, unknown>> {
  readonly type = 'async' as const
  readonly #runId: string
  /** Held for as long as the context is: equal descriptions find it. */
  readonly #database: Database
  readonly #table: ContextTable
  readonly #values: Values

  constructor(runId: string, options: PostgresContextOptions) {
    const own = existing.get(options)
    const { client, tableName, serializer, codec } = own ? options : check(POSTGRES_CONTEXT_SCHEMA, options)
    this.#runId = String(runId)
    this.#database = own?.database ?? sharedDatabase(client, 'client')
    this.#values = own?.values ?? new Values({ serializer, codec })
    this.#table = new ContextTable(this.#database, tableName)
  }

  /**
   * The value of a key; `undefined` where it has none.
   *
   * @example
   * ```ts
   * const amount = await context.get('amount')
   * ```
   */
  async get(key: string): Promise<unknown> {
    const json = await this.#table.get(this.#runId, key)
    return json === null ? undefined : this.#values.seen(fromJson(json), placeOf(this.#runId, key))
  }

  /**
   * Whether a key has a value.
   *
   * @example
   * ```ts
   * if (!(await context.has('approvedBy'))) console.log('not approved yet')
   * ```
   */
  async has(key: string): Promise<boolean> {
    return this.#table.has(this.#runId, key)
  }

  /**
   * Gives a key a value.
   *
   * @throws TypeError when the key or the value cannot be stored.
   *
   * @example
   * ```ts
   * await context.set('note', 'the customer called')
   * ```
   */
  async set(key: string, value: unknown): Promise<void> {
    await this.patch([{ op: 'set', key, value }])
  }

  /**
   * Removes a key; whether it had a value.
   *
   * @example
   * ```ts
   * await context.delete('note')
   * ```
   */
  async delete(key: string): Promise<boolean> {
    return this.#table.delete(this.#runId, key)
  }

  /**
   * All keys and their values.
   *
   * @example
   * ```ts
   * const { amount, ...others } = await context.toJSON()
   * ```
   */
  async toJSON(): Promise<Record<string, unknown>> {
    const stored = fromJson(await this.#table.toJSON(this.#runId)) as Record<string, unknown>
    return this.#values.seenContext(stored, (key) => placeOf(this.#runId, key))
  }

  /**
   * Sets and deletes keys in one statement.
   *
   * @example
   * ```ts
   * await context.patch([
   *   { op: 'set', key: 'approvedBy', value: 'ada' },
   *   { op: 'delete', key: 'note' },
   * ])
   * ```
   */
  async patch(operations: PatchOperation[]): Promise<void> {
    const where = ` of run '${this.#runId}'`
    const last = new Map<string, string | undefined>()
    for (const operation of operations) {
      const key = contextKey(operation.key, where)
      last.set(key, operation.op === 'set' ? this.#json(key, operation.value, where) : undefined)
    }
    const sets = [...last].flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
    const deletes = [...last].flatMap(([key, value]) => (value === undefined ? [key] : []))
    await this.#table.patch(this.#runId, sets, deletes)
  }

  #json(key: string, value: unknown, where: string): string | undefined {
    const what = `The context key '${key}'${where}`
    return this.#values.toJson(value, { what, giver: 'a context', place: placeOf(this.#runId, key) })
  }
}
