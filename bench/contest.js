// The program of one turn: one contestant, one shape. It starts the contestant's worker in another process, gives it a
// little to do so that both are warm, then the load, and checks what came of it.
import { randomBytes } from 'node:crypto'
import { contestant } from './contestants/index.js'
import { jobsOf } from './flows.js'
import { CALLS } from './support/calls.js'
import { figuresOf } from './support/figures.js'
import { inParts } from './support/parts.js'
import { WorkerProcess } from './support/worker-process.js'

const WORDS =
  'patient amount order received from the account of which nobody has been told before it was paid or sent back'.split(
    ' ',
  )
const WARM_UP = { flow: { kind: 'chain', size: 10 }, runs: 50 }

const { id, shape, setting, scale, urls } = JSON.parse(process.env.TURN)
const { share = 1, ...player } = await contestant(id)
const name = `bench_${randomBytes(4).toString('hex')}`
const CALLED = { flow: { kind: 'chain', size: 1 } }
const loads = shape.call ? [CALLED] : [WARM_UP, shape.base, shape.load].filter(Boolean)
const world = { name, urls, setting, flows: loads.map((load) => load.flow) }

try {
  process.send({ report: await (shape.call ? call() : turn()) })
} catch (error) {
  process.send({ error: error.message })
}
process.disconnect()

/** What an application calls; a worker takes part where results are waited for. */
async function call() {
  const caller = await player.caller(world)
  try {
    if (shape.call !== 'wait') return await CALLS[shape.call](caller, { name, ...shape.load })
    world.worker = new WorkerProcess(player.worker(), world)
    await world.worker.ready()
    return await CALLS[shape.call](caller, { name, ...shape.load })
  } finally {
    await world.worker?.stop()
    await caller.close()
  }
}

async function turn() {
  const client = await player.open(world)
  world.worker = new WorkerProcess(player.worker(), world)
  try {
    await world.worker.ready()
    await run(client, WARM_UP, 'warm')
    await world.worker.ask('marks')
    const base = shape.base && (await run(client, shape.base, 'base'))
    if (shape.history) await client.fill(Math.ceil(shape.history * scale), base.runs[0])
    const measured = await run(client, shape.load, 'run')
    const queries = shape.history && player.queries ? await player.queries(world) : {}
    return { ...figuresOf({ load: shape.load, measured, base, setting }), ...queries }
  } finally {
    await world.worker.stop()
    await client.close()
  }
}

/** Runs a load to its end: how long it took, and what the worker used meanwhile. */
async function run(client, load, prefix) {
  const { flow, oneByOne, repeat = 1, contextBytes = 0 } = load
  // Who takes a share does so less often before it has fewer in flight.
  const times = Math.max(1, Math.round(repeat * share))
  const atOnce = Math.max(1, Math.round((load.runs * repeat * share * scale) / times))
  const runs = Array.from({ length: atOnce * times }, (_, i) => `${name}-${prefix}-${i}`)
  const context = contextBytes > 0 ? { ballast: prose(contextBytes) } : {}
  const { worker } = world

  // A big value is there before the clock starts: what it costs to send it is not a job's cost.
  if (contextBytes > 0) await client.insert(runs, flow, context)
  const before = { ...worker.meter(), loopMs: await worker.ask('loop') }
  const half = halfWay()
  const begin = performance.now()
  for (const some of inParts(runs, oneByOne ? 1 : atOnce)) {
    if (contextBytes === 0) await client.insert(some, flow, context)
    await client.start(some, flow)
    await client.finish(some)
  }
  const seconds = (performance.now() - begin) / 1000
  const after = { ...worker.meter(), loopMs: await worker.ask('loop') }
  const marks = await worker.ask('marks')

  const wrong = await client.wrong(runs, flow)
  if (wrong > 0) throw new Error(`${wrong} of ${runs.length} runs did not end as they must`)
  return { runs, jobs: runs.length * jobsOf(flow), seconds, before, half: half(), after, marks }
}

/** Text that is as hard to compress as people's words: a third of it remains. */
function prose(bytes) {
  let text = ''
  for (let seed = 1; text.length < bytes; seed = (seed * 48271) % 2147483647) {
    text += `${WORDS[seed % WORDS.length]}${seed % 7 === 0 ? seed : ''} `
  }
  return text.slice(0, bytes)
}

/** Samples the memory; the answer is what it was in the middle. */
function halfWay() {
  const samples = []
  const timer = setInterval(() => samples.push(world.worker.meter()?.rssMb), 100)
  return () => {
    clearInterval(timer)
    return samples[Math.floor(samples.length / 2)]
  }
}
