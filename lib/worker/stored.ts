/** What is stored of a job's run, as the engine has it. */
import { jsonObject } from '../bridge/json.js'
import type { Engine } from '../bridge/native.js'
import type { Stored } from '../execution/job-context.js'

/** `record` is where code reads and writes that runs on after its job's answer. */
export function storedOf(engine: Engine, record: Stored['record']): Stored {
  return {
    isAlone: (job) => engine.isAlone(job),
    write: (job, sets, deletes) => engine.write(job, jsonObject(sets), [...deletes]),
    isCurrent: (job) => engine.isCurrent(job),
    look: (job) => engine.look(job),
    refresh: (job) => engine.refresh(job),
    value: (job, key) => engine.value(job, key),
    has: (job, key) => engine.has(job, key),
    keys: (job) => engine.keys(job),
    record,
  }
}
