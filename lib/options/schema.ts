/**
 * What an options object may hold, as data: each option's kind, default, bounds and words. One description serves the
 * check in a constructor, the warning about a name nobody knows, and the documentation.
 */
import { isObject } from '../is-object.js'
import { invalidOption } from './invalid.js'
import { nearest } from './nearest.js'

/** What a number counts. */
export type Unit = 'milliseconds' | 'seconds' | 'bytes'

/** A description of a kind of value that can be shown to people. */
export interface Bounds {
  readonly from?: number
  readonly to?: number
  readonly unit?: Unit
  readonly choices?: readonly string[]
}

/** The options inside a value, where the value is a plain object of them rather than a live client or a URL. */
export interface Fields {
  readonly schema: AnySchema
  of(value: unknown): Record<string, unknown> | undefined
}

/** A kind of value, its type aside. */
export interface AnyKind extends Bounds {
  /** Completes the sentence "expected …". */
  readonly accepts: string
  readonly fields?: Fields
  /**
   * The value as it is used.
   *
   * @throws TypeError naming the option.
   */
  read(value: unknown, name: string): unknown
}

declare const TAKES: unique symbol

/** A kind of value: a user gives a `T`, the adapter works with an `R`. */
export interface Kind<T, R = T> extends AnyKind {
  read(value: unknown, name: string): R
  /** For the type checker only: a kind that takes less or more than `T` is none of `T`. */
  readonly [TAKES]?: (value: T) => T
}

/** An option, its type aside. */
export interface AnyOption {
  readonly takes: AnyKind
  /** What it means, in whole sentences; the first one stands alone in tables. */
  readonly words: string
  readonly required?: boolean
  readonly default?: unknown
  /** What holds without it, where that is no constant. */
  readonly otherwise?: string
  /** How it is written in an options object. */
  readonly example: string
  readonly group?: string
  /** Whether the engine reads it, under the same name. */
  readonly engine?: boolean
}

export type AnySchema = Readonly<Record<string, AnyOption>>

interface Option<T> extends AnyOption {
  readonly takes: Kind<T, unknown>
  readonly default?: T
}

/** The schema of an options interface: it has an option for every key and for no other, each of the key's type. */
export type Schema<O> = {
  readonly [K in keyof O]-?: Option<NonNullable<O[K]>> &
    (object extends Pick<O, K> ? { readonly required?: never } : { readonly required: true; readonly default?: never })
}

/** The options with their defaults. */
export type Checked<S extends AnySchema> = {
  readonly [K in keyof S]: S[K] extends { readonly required: true } | { readonly default: NonNullable<unknown> }
    ? ReturnType<S[K]['takes']['read']>
    : ReturnType<S[K]['takes']['read']> | undefined
}

/**
 * Reads an options object. An option that is `null` counts as absent.
 *
 * @param path The option that holds the object; absent for a constructor's own.
 * @throws TypeError naming the first option that cannot be used.
 */
export function check<S extends AnySchema>(schema: S, given: unknown, path?: string): Checked<S> {
  if (!isObject(given)) throw invalidOption(path ?? 'options', 'an object')
  const read = Object.entries(schema).map(([key, option]) => {
    const value = given[key] ?? option.default
    const isAbsent = value === undefined && !option.required
    return [key, isAbsent ? undefined : option.takes.read(value, join(path, key))] as const
  })
  return Object.fromEntries(read) as Checked<S>
}

/** A sentence for each option nobody knows, with the nearest known one. Names only: values may hold a password. */
export function unknownOptions(schema: AnySchema, given: Record<string, unknown>, path?: string): string[] {
  return Object.keys(given).flatMap((key) => {
    const option = Object.hasOwn(schema, key) ? schema[key] : undefined
    if (option) return unknownInside(option.takes, given[key], join(path, key))
    const meant = nearest(key, Object.keys(schema))
    const advice = meant === undefined ? 'it has no effect' : `did you mean '${join(path, meant)}'?`
    return [`Unknown option '${join(path, key)}': ${advice}`]
  })
}

/** The same of the options inside a value. */
export function unknownInside({ fields }: AnyKind, value: unknown, path: string): string[] {
  const inside = fields?.of(value)
  return fields && inside ? unknownOptions(fields.schema, inside, path) : []
}

function join(path: string | undefined, key: string): string {
  return path === undefined ? key : `${path}.${key}`
}
