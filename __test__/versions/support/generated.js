// Mixed flows, made from seeds as in the differential suite, for workers of several processes: each node that starts, and each
// attempt, is noted in a file.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { Recorder } from '../../differential/compare.js'
import { generate } from '../../differential/generate.js'
import { blueprintsOf, runtimeOptions } from '../../differential/memory.js'
import { delays } from '../../differential/pace.js'

const LONGEST_DELAY = 20

/** Part of a runtime's options: the flows of these seeds. */
export function generatedFlows({ seeds, file, worker }) {
  const blueprints = Object.assign({}, ...seeds.map((seed) => blueprintsOf(generate(seed))))
  const note = (noted) => appendFileSync(file, `${JSON.stringify({ ...noted, worker })}\n`)
  const emit = (event) => {
    if (event.type === 'node:start') note({ event })
  }
  const { logger: _, ...runtime } = runtimeOptions(blueprints, {
    middleware: [delays(LONGEST_DELAY, process.pid)],
    eventBus: { emit },
    attempted: (runId, key) => note({ attempt: [runId, key] }),
  })
  return runtime
}

/** What was noted: how often each node of each run was executed, and how many nodes each worker started. */
export function executedIn(file) {
  const recorder = new Recorder()
  const byWorker = {}
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  for (const { worker, event, attempt } of lines.map((line) => JSON.parse(line))) {
    if (attempt) recorder.attempted(...attempt)
    if (!event) continue
    recorder.emit(event)
    byWorker[worker] = (byWorker[worker] ?? 0) + 1
  }
  return { recorder, byWorker }
}
