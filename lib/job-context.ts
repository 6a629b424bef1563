/**
 * The context a node sees: what was loaded for its job, plus the node's own writes, which land with its
 * result. Values are parsed when they are first asked for.
 */
import type { IAsyncContext, PatchOperation } from 'flowcraft'
import { contextKey, fromJson, toJson } from './json.js'
import type { Job, JobWrite } from './native.js'

const OUTPUTS = '_outputs.'
/** Written by core when a node pauses; the ledger keeps them for the whole run. */
const KEPT_BY_THE_LEDGER = new Set(['_awaitingNodeIds', '_awaitingDetails'])

/** A node's own write; `json` is absent for a removed key. */
interface Write {
  value: unknown
  json: string | undefined
}

export class JobContext implements IAsyncContext<Record<string, unknown>> {
  readonly type = 'async' as const
  readonly #job: Job
  readonly #parsed = new Map<string, unknown>()
  readonly #written = new Map<string, Write>()

  constructor(job: Job) {
    this.#job = job
  }

  async get(key: string): Promise<unknown> {
    const write = this.#written.get(key)
    if (write) return write.value
    const stored = this.#storedAs(key)
    if (stored === undefined) return undefined
    if (stored !== key && this.#written.has(stored)) return this.#written.get(stored)?.value
    return this.#read(stored)
  }

  async has(key: string): Promise<boolean> {
    const write = this.#written.get(key)
    if (write) return write.json !== undefined || write.value !== undefined
    return this.#storedAs(key) !== undefined
  }

  async set(key: string, value: unknown): Promise<void> {
    // Text now, not when the node is done: the error is thrown where the mistake is.
    this.#written.set(contextKey(key), { value, json: toJson(value, `The context key '${key}'`) })
  }

  async delete(key: string): Promise<boolean> {
    const present = await this.has(contextKey(key))
    this.#written.set(key, { value: undefined, json: undefined })
    return present
  }

  async patch(operations: PatchOperation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.op === 'set') await this.set(operation.key, operation.value)
      else await this.delete(operation.key)
    }
  }

  async toJSON(): Promise<Record<string, unknown>> {
    const entries = new Map<string, unknown>()
    for (const key of this.#job.keys()) entries.set(key, this.#read(key))
    for (const [key, { value, json }] of this.#written) {
      if (json === undefined) entries.delete(key)
      else entries.set(key, value)
    }
    // As in memory, a node's output also stands under the node's id.
    for (const [key, value] of [...entries]) {
      const id = key.startsWith(OUTPUTS) ? key.slice(OUTPUTS.length) : undefined
      if (id !== undefined && !entries.has(id) && !this.#written.has(id)) entries.set(id, value)
    }
    return Object.fromEntries(entries)
  }

  /** Makes a node's output visible to what follows in this job; it is stored with the job's answer. */
  showOutput(nodeId: string, output: unknown, json: string | undefined): void {
    // In memory the output takes the place of a user key of the node's name.
    this.#written.delete(nodeId)
    this.#written.set(OUTPUTS + nodeId, { value: output, json })
    // A stored key of that name goes; what is read under it is the output.
    if (this.#job.has(nodeId)) this.#written.set(nodeId, { value: output, json: undefined })
  }

  /** Takes a write back out, as what an edge brought: the ledger decides whether it arrives. */
  takeWrite(key: string): string | undefined {
    const json = this.#written.get(key)?.json
    this.#written.delete(key)
    return json
  }

  /** What the node wrote, for its answer. `answered` is kept out: the answer itself says it. */
  writes(answered?: string): { sets: JobWrite[]; deletes: string[] } {
    const sets: JobWrite[] = []
    const deletes: string[] = []
    for (const [key, { json }] of this.#written) {
      if (KEPT_BY_THE_LEDGER.has(key) || key === answered) continue
      if (json !== undefined) sets.push({ key, value: json })
      else if (this.#job.has(key)) deletes.push(key)
    }
    return { sets, deletes }
  }

  /** Where a key's value stands: under its own name, or as the output of the node of that name. */
  #storedAs(key: string): string | undefined {
    if (this.#job.has(key)) return key
    const output = OUTPUTS + key
    const write = this.#written.get(output)
    if (write ? write.json !== undefined : this.#job.has(output)) return output
    return undefined
  }

  #read(key: string): unknown {
    if (!this.#parsed.has(key)) {
      const json = this.#job.get(key)
      this.#parsed.set(key, json == null ? undefined : fromJson(json))
    }
    return this.#parsed.get(key)
  }
}
