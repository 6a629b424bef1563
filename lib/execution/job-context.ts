/**
 * The context a node sees: its own writes over the record as it is when the node reads. While nobody else of the run can write,
 * that is what was loaded with its job, and what the node writes lands with its result. Else the record is looked at again, and
 * written at once. Values are fetched and parsed when they are first asked for.
 */
import { setImmediate as setNext } from 'node:timers'
import type { IAsyncContext, PatchOperation } from 'flowcraft'
import type { Job } from '../bridge/channel.js'
import { contextKey, fromJson } from '../bridge/json.js'
import { placeOf, prefixInside } from '../bridge/places.js'
import type { Origin } from '../bridge/sealing.js'
import type { Values } from '../bridge/values.js'
import type { ValuePlace } from '../options/codec.js'
import type { Writes } from './answer.js'
import { LiveWrites, type Recorder } from './live-writes.js'
import { readInNode } from './unreadable.js'

const INPUTS = '_inputs.'
const OUTPUTS = '_outputs.'
const SUBFLOW_STATE = '_subflowState.'
/** Written by core when a node pauses; the ledger keeps them for the whole run. */
const KEPT_BY_THE_LEDGER = new Set(['_awaitingNodeIds', '_awaitingDetails'])

/** Keys that core writes by itself, also while a node's code runs. */
const CORES = [INPUTS, OUTPUTS, SUBFLOW_STATE, '_awaiting', '_resume.', '_executionId']
const isCores = (key: string): boolean => key.startsWith('_') && CORES.some((prefix) => key.startsWith(prefix))

const NOTHING: IAsyncContext = {
  type: 'async',
  get: async () => undefined,
  has: async () => false,
  set: async () => {},
  delete: async () => false,
  patch: async () => {},
  toJSON: async () => ({}),
}

/** A node's own write; `json` is absent for a removed key. */
interface Write {
  value: unknown
  json: string | undefined
  /** The record may have the key, and the answer is to remove it. */
  removes?: boolean
}

/** Where contexts stand. */
export interface Stored extends Recorder {
  /** Whether a job's context as it was last seen is what there is; this and what follows while the job has no answer. */
  isCurrent(job: number): boolean
  /** Looks at a job's context again, for the next `refresh`. */
  look(job: number): Promise<void>
  /** From now on it is as it was last looked at; the keys that have another value than the one that was given. */
  refresh(job: number): string[]
  /** The value of a key, as JSON. */
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
  /** What came with the job may be outdated. */
  #hasLooked = false
  #isOver = false
  /** The node's code runs, and not core's own, which writes with the answer. */
  #isWriting = false
  /** What it has written. */
  #live: LiveWrites | undefined

  constructor(job: Job, stored: Stored, values: Values) {
    this.#job = job
    this.#stored = stored
    this.#values = values
  }

  /** The JSON text of a value that the job's node gives for a key. `place`: for one of another context. */
  json(value: unknown, what: string, key: string, place = this.#place(key)): string | undefined {
    return this.#values.toJson(value, { what, giver: `${this.#job.blueprintId}/${this.#job.nodeId}`, place })
  }

  /** A stored value that came with the job, as the key that it was made for; `from`: or for which other one. */
  opened(stored: unknown, key: string, from?: Origin): unknown {
    return readInNode(() => this.#values.ofStored(stored, this.#place(key), from))
  }

  /** Whether each value is stored for its own key, also where two keys have the same. */
  get encodes(): boolean {
    return this.#values.encodes
  }

  /** The job is answered. Code of the node that goes on all the same reads what is on record. */
  end(): void {
    this.#isOver = true
  }

  /** From now on the node's code writes. */
  beginWriting(): void {
    this.#isWriting = true
  }

  /** It has ended. Resolves when nothing that it wrote is on its way. */
  async endWriting(): Promise<void> {
    this.#isWriting = false
    await this.#live?.end()
  }

  async get(key: string): Promise<unknown> {
    const write = this.#written.get(key)
    if (write) return write.value
    if (!this.isSettled(key)) await this.look()
    return this.#isOver ? this.#recorded(key) : this.seen(key)
  }

  async has(key: string): Promise<boolean> {
    if (!this.isSettled(key)) await this.look()
    if (!this.#isOver || this.#written.has(key)) return this.hasSeen(key)
    return (await this.#record.has(key)) || this.#record.has(OUTPUTS + key)
  }

  async set(key: string, value: unknown): Promise<void> {
    // Text now, not when the node is done: the error is thrown where the mistake is.
    const stored = contextKey(key)
    const isOutput = this.#shown !== undefined && value === this.#shown.value && !this.#values.encodes
    const json = isOutput
      ? this.#shown?.json
      : this.json(value, `The context key '${key}' of node '${this.#job.nodeId}'`, stored)
    const removes =
      json === undefined && (this.#has(stored) || !this.#isCurrent() || this.#live?.hasLeft(stored) === true)
    this.#written.set(stored, { value, json, removes })
    if (json !== undefined || removes) await this.#writeLive(stored, json)
  }

  async delete(key: string): Promise<boolean> {
    contextKey(key)
    // Users do not always wait for it: what keeps the record from being read must not end their process.
    if (!this.isSettled(key)) await this.look().catch(() => {})
    const present = this.#isOver ? await this.has(key) : this.hasSeen(key)
    const write = this.#written.get(key)
    // Where there is nothing to remove, a later write of another node stays.
    if (this.#storedAs(key) !== undefined || write?.removes || this.#live?.hasLeft(key)) {
      const removes = this.#has(key) || write?.removes === true || this.#live?.hasLeft(key) === true
      this.#written.set(key, { value: undefined, json: undefined, removes })
      if (removes) await this.#writeLive(key, undefined)
    } else {
      this.#written.delete(key)
      this.#live?.forget(key)
    }
    return present
  }

  async patch(operations: PatchOperation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.op === 'set') await this.set(operation.key, operation.value)
      else await this.delete(operation.key)
    }
  }

  async toJSON(): Promise<Record<string, unknown>> {
    if (!this.isSettled()) await this.look()
    return this.#isOver ? this.#over(Object.entries(await this.#record.toJSON())) : this.allSeen()
  }

  /** Whether what was seen of a key, or of all, is what there is. Only the node itself writes what is its own. */
  isSettled(key?: string): boolean {
    return this.#isOver || (key !== undefined && (this.#written.has(key) || this.#isOwn(key))) || this.#isCurrent()
  }

  /** Looks at the record again. It waits for one that is out of reach, until the worker stops. */
  async look(): Promise<void> {
    const { number } = this.#job
    await this.#stored.look(number)
    for (const key of this.#stored.refresh(number)) this.#parsed.delete(key)
    this.#hasLooked = true
  }

  /** The value of a key, as it was last seen. */
  seen(key: string): unknown {
    const write = this.#written.get(key)
    if (write) return write.value
    const stored = this.#storedAs(key)
    if (stored === undefined) return undefined
    return stored !== key && this.#written.has(stored) ? this.#written.get(stored)?.value : this.#read(stored)
  }

  /** Whether a key was there when the context was last seen. */
  hasSeen(key: string): boolean {
    const write = this.#written.get(key)
    return write ? write.json !== undefined || write.value !== undefined : this.#storedAs(key) !== undefined
  }

  /** The context as it was last seen. */
  allSeen(): Record<string, unknown> {
    return this.#over(this.#stored.keys(this.#job.number).map((key) => [key, this.#read(key)]))
  }

  /** Makes a node's output visible to what follows in this job; it is stored with the job's answer. */
  showOutput(nodeId: string, output: unknown, json: string | undefined): void {
    // In memory the output takes the place of a user key of the node's name.
    this.#written.delete(nodeId)
    this.#shown = { value: output, json }
    this.#written.set(OUTPUTS + nodeId, this.#shown)
    // A stored key of that name goes; what is read under it is the output.
    if (this.#has(nodeId)) this.#written.set(nodeId, { value: output, json: undefined, removes: true })
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
    for (const [key, { json, removes }] of this.#written) {
      if (KEPT_BY_THE_LEDGER.has(key) || key === answered || this.#live?.isRecorded(key)) continue
      if (json !== undefined) sets.push([key, json])
      else if (removes) deletes.push(key)
    }
    return sets.length > 0 || deletes.length > 0 ? { writes: { sets, deletes } } : {}
  }

  /** What the node's code writes is on record before its answer, if others of its run may read it. */
  async #writeLive(key: string, json: string | undefined): Promise<void> {
    if (isCores(key)) return
    if (this.#isWriting) this.#live ??= new LiveWrites(this.#job.number, this.#stored, (shared) => this.#share(shared))
    await this.#live?.add(key, json)
  }

  /** A key that others may write too is on record: from the next turn on, whoever reads it reads it there. */
  #share(key: string): void {
    const write = this.#written.get(key)
    setNext(() => {
      if (this.#written.get(key) === write) this.#written.delete(key)
    })
  }

  /** The node's own writes over what is stored. */
  #over(stored: Iterable<[string, unknown]>): Record<string, unknown> {
    const entries = new Map(stored)
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

  /** Where a key's value stands: under its own name, or as the output of the node of that name. */
  #storedAs(key: string): string | undefined {
    if (this.#has(key)) return key
    const output = OUTPUTS + key
    const write = this.#written.get(output)
    if (write ? write.json !== undefined : this.#has(output)) return output
    return undefined
  }

  /** Whether a key is the node's own: what an edge brought it, and the state of its subflow. */
  #isOwn(key: string): boolean {
    const { nodeId } = this.#job
    if (key.startsWith(INPUTS)) return key.slice(INPUTS.length) === nodeId
    return key.startsWith(SUBFLOW_STATE) && key.slice(SUBFLOW_STATE.length) === nodeId
  }

  #isCurrent(): boolean {
    return this.#stored.isCurrent(this.#job.number)
  }

  #has(key: string): boolean {
    if (key === this.#job.nodeId && !this.#hasLooked) return this.#job.named === true
    return this.#parsed.has(key) || this.#handedOver(key) !== undefined || this.#stored.has(this.#job.number, key)
  }

  #read(key: string): unknown {
    if (!this.#parsed.has(key)) {
      this.#parsed.set(key, this.opened(this.#handedOver(key) ?? this.#fetched(key), key))
    }
    return this.#parsed.get(key)
  }

  /** The node's input came with its job, unless it is large. */
  #handedOver(key: string): unknown {
    const { input, nodeId } = this.#job
    return input !== undefined && key === INPUTS + nodeId ? input : undefined
  }

  /** Where a key stands in the run. */
  #place(key: string): ValuePlace {
    return placeOf(this.#job.runId, prefixInside(this.#job.inside) + key)
  }

  #fetched(key: string): unknown {
    const json = this.#stored.value(this.#job.number, key)
    return json === null ? undefined : fromJson(json)
  }

  async #recorded(key: string): Promise<unknown> {
    const write = this.#written.get(key)
    if (write) return write.value
    return (await this.#record.has(key)) ? this.#record.get(key) : this.#record.get(OUTPUTS + key)
  }

  get #record(): IAsyncContext {
    // The context of a subflow may be gone by then, and nobody else reads it.
    return this.#job.inside === undefined ? this.#stored.record(this.#job.runId) : NOTHING
  }
}
