/**
 * The context a node sees: what was loaded for its job, plus the node's own writes, which land with its
 * result. Values are fetched and parsed when they are first asked for.
 */
import type { IAsyncContext, PatchOperation } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { contextKey, fromJson } from '../bridge/json.js'
import type { Values } from '../bridge/values.js'
import type { Writes } from './answer.js'

const INPUTS = '_inputs.'
const OUTPUTS = '_outputs.'
/** Written by core when a node pauses; the ledger keeps them for the whole run. */
const KEPT_BY_THE_LEDGER = new Set(['_awaitingNodeIds', '_awaitingDetails'])

/** A node's own write; `json` is absent for a removed key. */
interface Write {
  value: unknown
  json: string | undefined
}

/** Where contexts stand. */
export interface Stored {
  /** The value of a key of a job's context, as JSON; this and what follows while the job has no answer. */
  value(job: number, key: string): string | null
  has(job: number, key: string): boolean
  keys(job: number): string[]
  /** The record of a run. */
  record(runId: string): IAsyncContext
}

export class JobContext implements IAsyncContext<Record<string, unknown>> {
  readonly type = 'async' as const
  readonly #job: Job
  readonly #stored: Stored
  readonly #values: Values
  readonly #parsed = new Map<string, unknown>()
  readonly #written = new Map<string, Write>()
  /** The job's own output, once there is one. */
  #shown: Write | undefined
  #isOver = false

  constructor(job: Job, stored: Stored, values: Values) {
    this.#job = job
    this.#stored = stored
    this.#values = values
  }

  /** The JSON text of a value that the job's node gives. */
  json(value: unknown, what: string): string | undefined {
    return this.#values.toJson(value, what, `${this.#job.blueprintId}/${this.#job.nodeId}`)
  }

  /** The job is answered. Code of the node that goes on all the same reads what is on record. */
  end(): void {
    this.#isOver = true
  }

  async get(key: string): Promise<unknown> {
    const write = this.#written.get(key)
    if (write) return write.value
    if (this.#isOver) return this.#recorded(key)
    const stored = this.#storedAs(key)
    if (stored === undefined) return undefined
    if (stored !== key && this.#written.has(stored)) return this.#written.get(stored)?.value
    return this.#read(stored)
  }

  async has(key: string): Promise<boolean> {
    const write = this.#written.get(key)
    if (write) return write.json !== undefined || write.value !== undefined
    if (this.#isOver) return (await this.#record.has(key)) || this.#record.has(OUTPUTS + key)
    return this.#storedAs(key) !== undefined
  }

  async set(key: string, value: unknown): Promise<void> {
    // Text now, not when the node is done: the error is thrown where the mistake is.
    const stored = contextKey(key)
    const isOutput = this.#shown !== undefined && value === this.#shown.value
    const json = isOutput
      ? this.#shown?.json
      : this.json(value, `The context key '${key}' of node '${this.#job.nodeId}'`)
    this.#written.set(stored, { value, json })
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
    const entries = new Map<string, unknown>(this.#isOver ? Object.entries(await this.#record.toJSON()) : [])
    if (!this.#isOver) for (const key of this.#stored.keys(this.#job.number)) entries.set(key, this.#read(key))
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
    this.#shown = { value: output, json }
    this.#written.set(OUTPUTS + nodeId, this.#shown)
    // A stored key of that name goes; what is read under it is the output.
    if (this.#has(nodeId)) this.#written.set(nodeId, { value: output, json: undefined })
  }

  /** Takes a write back out, as what an edge brought: the ledger decides whether it arrives. */
  takeWrite(key: string): string | undefined {
    const json = this.#written.get(key)?.json
    this.#written.delete(key)
    return json
  }

  /** What the node wrote, for its answer. `answered` is kept out: the answer itself says it. */
  writes(answered?: string): { writes?: Writes } {
    const sets: Writes['sets'] = []
    const deletes: string[] = []
    for (const [key, { json }] of this.#written) {
      if (KEPT_BY_THE_LEDGER.has(key) || key === answered) continue
      if (json !== undefined) sets.push([key, json])
      else if (this.#has(key)) deletes.push(key)
    }
    return sets.length > 0 || deletes.length > 0 ? { writes: { sets, deletes } } : {}
  }

  /** Where a key's value stands: under its own name, or as the output of the node of that name. */
  #storedAs(key: string): string | undefined {
    if (this.#has(key)) return key
    const output = OUTPUTS + key
    const write = this.#written.get(output)
    if (write ? write.json !== undefined : this.#has(output)) return output
    return undefined
  }

  #has(key: string): boolean {
    if (key === this.#job.nodeId) return this.#job.named === true
    return this.#parsed.has(key) || this.#handedOver(key) !== undefined || this.#stored.has(this.#job.number, key)
  }

  #read(key: string): unknown {
    if (!this.#parsed.has(key)) {
      this.#parsed.set(key, this.#values.ofStored(this.#handedOver(key) ?? this.#fetched(key)))
    }
    return this.#parsed.get(key)
  }

  /** The node's input came with its job, unless it is large. */
  #handedOver(key: string): unknown {
    const { input, nodeId } = this.#job
    return input !== undefined && key === INPUTS + nodeId ? input : undefined
  }

  #fetched(key: string): unknown {
    const json = this.#stored.value(this.#job.number, key)
    return json === null ? undefined : fromJson(json)
  }

  async #recorded(key: string): Promise<unknown> {
    return (await this.#record.has(key)) ? this.#record.get(key) : this.#record.get(OUTPUTS + key)
  }

  get #record(): IAsyncContext {
    return this.#stored.record(this.#job.runId)
  }
}
