/** What a call of the dashboard says, read as what it is. Whatever cannot be read is refused. */
import type { RunStatus } from '../client/description.js'
import type { ListOptions } from '../client/listing.js'
import { isObject } from '../is-object.js'
import { Refusal } from './refusal.js'

/** What an action is done to, where it is said. */
const NAMED = ['id', 'ids', 'nodeId', 'runId', 'event', 'decision', 'reason']

/** The arguments of a call: those of its address, or of its body. */
export class Input {
  readonly #values: Readonly<Record<string, unknown>>

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values
  }

  static ofQuery(query: URLSearchParams): Input {
    return new Input(Object.fromEntries(query))
  }

  /** The same, and more. */
  with(more: Readonly<Record<string, unknown>>): Input {
    return new Input({ ...this.#values, ...more })
  }

  /** What an action is done to: ids and names. Payloads stay out. */
  get target(): Record<string, unknown> {
    const named = NAMED.map((name) => [name, this.get(name)] as const)
    return Object.fromEntries(named.filter(([, value]) => value !== undefined))
  }

  get(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined
  }

  text(name: string): string | undefined {
    const value = this.get(name)
    if (value === undefined || value === null || value === '') return undefined
    if (typeof value === 'string') return value
    throw wrong(name, 'a text')
  }

  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw wrong(name, 'a text that is not empty')
    return value
  }

  number(name: string, { from, to }: { from: number; to: number }): number | undefined {
    const value = this.get(name)
    if (value === undefined || value === null || value === '') return undefined
    const number = Number(value)
    if (Number.isInteger(number) && number >= from && number <= to) return number
    throw wrong(name, `a whole number from ${from} to ${to}`)
  }

  /** An array of texts, in an address as JSON. */
  texts(name: string): string[] {
    const given = this.get(name)
    const value = typeof given === 'string' ? parsed(given) : given
    if (value === undefined || value === null) return []
    if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[]
    throw wrong(name, 'an array of texts')
  }

  /** Tags, separated by commas; as JSON where one has a comma itself. */
  #tags(): string[] {
    const given = this.get('tags')
    if (typeof given !== 'string' || Array.isArray(parsed(given))) return this.texts('tags')
    return given.split(',').flatMap((tag) => (tag.trim() === '' ? [] : [tag.trim()]))
  }

  object(name: string): Record<string, unknown> | undefined {
    const value = this.get(name)
    if (value === undefined || value === null) return undefined
    if (isObject(value) && !Array.isArray(value)) return value
    throw wrong(name, 'an object')
  }

  /** Milliseconds since 1970, or a date. */
  moment(name: string): Date | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const date = new Date(/^\d+$/.test(value) ? Number(value) : value)
    if (!Number.isNaN(date.getTime())) return date
    throw wrong(name, 'a date')
  }

  /** The filters of a list, as the page has them in its address. */
  filters(): ListOptions {
    const statuses = (this.text('status') ?? '').split(',').filter((each) => each !== '') as RunStatus[]
    const [blueprintId, idPrefix] = [this.text('blueprint'), this.text('prefix')]
    const tags = this.#tags()
    const [waitingAt, error, paused] = [this.text('waitingAt'), this.text('error'), this.text('paused')]
    if (paused !== undefined && paused !== 'true' && paused !== 'false') throw wrong('paused', 'true or false')
    const createdBefore = this.moment('createdBefore')
    // How long ago it was, in milliseconds: an address that says so means the same tomorrow.
    const age = this.number('age', { from: 1, to: Date.now() })
    const updatedBefore = age === undefined ? this.moment('updatedBefore') : new Date(Date.now() - age)
    return {
      ...(statuses.length > 0 && { status: statuses }),
      ...(blueprintId !== undefined && { blueprintId }),
      ...(tags.length > 0 && { tags }),
      ...(waitingAt !== undefined && { waitingAt }),
      ...(error !== undefined && { error }),
      ...(paused !== undefined && { paused: paused === 'true' }),
      ...(idPrefix !== undefined && { idPrefix }),
      ...(createdBefore && { createdBefore }),
      ...(updatedBefore && { updatedBefore }),
      order: this.text('order') === 'asc' ? 'asc' : 'desc',
    }
  }
}

function parsed(json: string): unknown {
  try {
    return json === '' ? undefined : JSON.parse(json)
  } catch {
    return json
  }
}

function wrong(name: string, expected: string): Refusal {
  return new Refusal('INVALID_ARGUMENT', `${name} is ${expected}`)
}
