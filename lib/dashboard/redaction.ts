/** What is hidden before it leaves the server. */

import { childrenOf, kindOf } from '../bridge/json-slices.js'
import type { DashboardOptions, DashboardPlace } from './options.js'

/** What is shown in place of a value at which the user's function throws: it may be what was to be hidden. */
const HIDDEN = '"[hidden: redact failed]"'

export class Redaction {
  readonly #redact: DashboardOptions['redact']

  constructor(redact: DashboardOptions['redact']) {
    this.#redact = redact
  }

  /** Whether anything may be hidden. */
  get isOn(): boolean {
    return this.#redact !== undefined
  }

  /** The text of a value as it may be shown, without a look at what is inside it. */
  outside(json: string, path: readonly string[], place: DashboardPlace): string {
    const redact = this.#redact
    if (!redact) return json
    try {
      const value: unknown = JSON.parse(json)
      const shown = redact(path, value, place)
      return shown === value ? json : (JSON.stringify(shown) ?? 'null')
    } catch {
      return HIDDEN
    }
  }

  /** The text of a value as it may be shown, with all that is inside it. What was replaced is shown as it is. */
  whole(json: string, path: readonly string[], place: DashboardPlace): string {
    if (!this.#redact) return json
    const shown = this.outside(json, path, place)
    const kind = kindOf(json)
    if (shown !== json || (kind !== 'object' && kind !== 'array')) return shown
    const parts = [...childrenOf(json)].map(({ key, from, to }) => {
      const value = this.whole(json.slice(from, to), [...path, key], place)
      return kind === 'object' ? `${JSON.stringify(key)}:${value}` : value
    })
    return kind === 'object' ? `{${parts.join()}}` : `[${parts.join()}]`
  }

  /** A text or value of ours as it may be shown. */
  value<T>(value: T, path: readonly string[], place: DashboardPlace): T {
    if (!this.#redact || value === undefined) return value
    return JSON.parse(this.whole(JSON.stringify(value), path, place)) as T
  }
}
