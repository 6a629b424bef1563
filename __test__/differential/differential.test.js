// Any blueprint ends distributed as it ends in memory: blueprints made from a seed, each run in memory and over several
// workers with random delays, outcomes compared.
//   FLOWCRAFT_DIFFERENTIAL_RUNS=5000 FLOWCRAFT_DIFFERENTIAL_SEED=7 node --test __test__/differential/differential.test.js
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { differences, short } from './compare.js'
import { seedOf } from './dice.js'
import { Fleets } from './fleets.js'
import { generate } from './generate.js'
import { JOIN_BEHIND_LOOP, KNOWN, knownIn } from './known.js'
import { inMemory, memoryOutcomes } from './memory.js'
import { readsAhead } from './races.js'
import { print, shrink } from './shrink.js'

const RUNS = Number(process.env.FLOWCRAFT_DIFFERENTIAL_RUNS ?? 300)
const SEED = Number(process.env.FLOWCRAFT_DIFFERENTIAL_SEED ?? 1)
const AT_ONCE = 400
const MOST_SKIPPED = 0.15
/** After so many failures the rest says nothing new. */
const MOST_SHOWN = 5

let fleets
before(async () => {
  fleets = await Fleets.open({ seed: SEED })
})
after(() => fleets.close())

/** A case whose outcome in memory is one and the same, or why it is not compared. */
async function prepared(one) {
  const outcomes = await Promise.all([1, 2, 3].map((seed) => inMemory(one, seed)))
  const known = knownIn(one, outcomes[0])
  if (known.length > 0) return { one, skipped: known[0] }
  if (outcomes[0].status.startsWith('threw')) return { one, skipped: 'threw' }
  if (outcomes.some((other) => differences(one, outcomes[0], other).length > 0)) return { one, skipped: 'order' }
  return { one, memory: outcomes[0] }
}

/** Whether memory has one outcome, however often it is asked. */
async function isCertain(one, times) {
  return (await memoryOutcomes(one, times)).length === 1
}

/** What differs: the status, the nodes executed, the context. */
const kinds = (found) => new Set(found.map((line) => line.split(':')[0]))

/** Whether a case fails in one of these ways, tried a few times: some differences need luck. */
async function fails(one, ways) {
  if (readsAhead(one)) return false
  const { skipped, memory } = await prepared(one)
  if (skipped) return false
  const outcomes = await fleets.run([one, one, one], { timeout: 3000 })
  const alike = (other) => [...kinds(differences(one, memory, other))].some((kind) => ways.has(kind))
  return outcomes.some(alike) && isCertain(one, 15)
}

async function report({ one, seed, found }) {
  const ways = kinds(found)
  const smallest = await shrink(one, (less) => fails(less, ways.has('executed') ? new Set(['executed']) : ways))
  const memory = await inMemory(smallest)
  const outcomes = await fleets.run([smallest, smallest, smallest], { timeout: 3000 })
  const other = outcomes.find((each) => differences(smallest, memory, each).length > 0) ?? outcomes[0]
  const lines = ({ status, executed, context, reason }) => [
    `  status    ${status}${reason ? `: ${reason}` : ''}`,
    `  executed  ${Object.entries(executed).map(([name, times]) => `${name.replace(/^\S+ /, '')}${times > 1 ? ` x${times}` : ''}`)}`,
    ...Object.entries(context).map(([key, value]) => `  ${key} = ${short(value)}`),
  ]
  return [
    `case ${seed}: ${found.length} differences, of the whole case:`,
    ...found.slice(0, 6).map((line) => `  ${line}`),
    'the smallest case found that fails:',
    print(smallest),
    'in memory:',
    ...lines(memory),
    'distributed:',
    ...lines(other),
  ].join('\n')
}

describe('a distributed run', () => {
  it(`ends as in memory: ${RUNS} blueprints, seed ${SEED}`, { timeout: 60_000 + RUNS * 500 }, async (test) => {
    const skipped = {}
    const failures = []
    let compared = 0
    for (let from = 0; from < RUNS && failures.length < MOST_SHOWN; from += AT_ONCE) {
      const seeds = Array.from({ length: Math.min(AT_ONCE, RUNS - from) }, (_, index) => seedOf(SEED, from + index))
      const cases = await Promise.all(seeds.map(async (seed) => ({ seed, ...(await prepared(generate(seed))) })))
      for (const { skipped: why } of cases) if (why) skipped[why] = (skipped[why] ?? 0) + 1
      const rest = cases.filter((each) => !each.skipped)
      const outcomes = await fleets.run(rest.map(({ one }) => one))
      for (const [index, { one, seed, memory }] of rest.entries()) {
        const found = differences(one, memory, outcomes[index])
        if (found.length === 0) compared += 1
        else if (await isCertain(one, 40)) failures.push({ one, seed, found })
        else skipped.order = (skipped.order ?? 0) + 1
      }
    }
    const left = Object.values(skipped).reduce((sum, count) => sum + count, 0)
    const share = left / (left + compared + failures.length)
    test.diagnostic(
      `${compared} equal, ${failures.length} different, ${left} not compared (${JSON.stringify(skipped)})`,
    )
    const shown = []
    for (const failure of failures.slice(0, MOST_SHOWN)) shown.push(await report(failure))
    assert.equal(
      failures.length,
      0,
      `seed ${SEED}: ${failures.length} blueprints end differently\n\n${shown.join('\n\n')}`,
    )
    assert.ok(share < MOST_SKIPPED, `${Math.round(share * 100)} % of the blueprints could not be compared`)
  })
})

describe('known differences', () => {
  for (const { name, sentence, example, differs, context = {}, subs = [] } of KNOWN) {
    it(`${name}: ${sentence}`, async () => {
      const one = { name, context, subs, blueprint: { id: `known-${name}`, ...example } }
      const memory = await inMemory(one)
      assert.ok(knownIn(one, memory).includes(name), 'recognised')
      const [other] = await fleets.run([one], { timeout: 5000 })
      // Here every execution counts, also of `any` joins.
      const exact = {
        ...one,
        blueprint: { ...one.blueprint, nodes: one.blueprint.nodes.map(({ config: _, ...node }) => node) },
      }
      assert.match(differences(exact, memory, other).join('\n'), differs)
    })
  }

  it('an `all` join of a loop and something else runs once the loop has ended', async () => {
    const { name, example, context } = JOIN_BEHIND_LOOP
    const one = { name, context, subs: [], blueprint: { id: `known-${name}`, ...example } }
    const outcomes = await fleets.run(Array(10).fill(one), { timeout: 45_000 })
    // Its input is how often the loop went round.
    const seen = new Set(outcomes.map((outcome) => outcome.context['_outputs.j']))
    assert.deepEqual([...seen], [1 + 13 + 6])
  })
})
