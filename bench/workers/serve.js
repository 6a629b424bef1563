// The worker's end of the line: what it was told when it was started, and the questions it is asked.
import { createInterface } from 'node:readline'
import { blueprintOf, registryOf } from '../flows.js'

/** @type {{ name: string, urls: object, flows: import('../flows.js').Flow[], setting: object }} */
export const contest = JSON.parse(process.env.CONTEST)

/** The moments at which nodes were called, since the last time somebody asked. */
export const marks = []

/** The blueprints and the code that every flowcraft worker here is given. */
export function runtimeOptions() {
  const blueprints = contest.flows.map(blueprintOf)
  const wantsMarks = contest.flows.some((flow) => flow.marks)
  return {
    blueprints: Object.fromEntries(blueprints.map((blueprint) => [blueprint.id, blueprint])),
    registry: registryOf(wantsMarks ? marks : undefined),
    logger: { debug() {}, info() {}, warn: console.error, error: console.error },
  }
}

/** Says that it is ready, and answers until its input closes; then it stops. */
export async function serve({ stop, answers = {} }) {
  const own = {
    marks: () => marks.splice(0),
    loop: () => performance.eventLoopUtilization().active,
    ...answers,
  }
  const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`)
  say({ answer: 'ready' })
  for await (const line of createInterface({ input: process.stdin })) {
    const { ask, ...given } = JSON.parse(line)
    try {
      say({ answer: (await own[ask](given)) ?? null })
    } catch (error) {
      say({ answer: null, error: error.stack })
    }
  }
  await stop()
  process.exit(0)
}
