// The flows of these tests, as worker processes and tests both know them. Each knows what its runs must come to.
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { childRun } from '@flowcraft/rabbitmq-adapter'
import { createFlow, SubflowNode, UnsafeEvaluator, WebhookNode } from 'flowcraft'
import { writing } from './live-writes.js'

const ROUNDS = 3

/** A few milliseconds, the same for the same run and node: long enough for a fault to hit some of them. */
function milliseconds(run, node) {
  let hash = 7
  for (const letter of `${run} ${node}`) hash = (hash * 31 + letter.charCodeAt(0)) % 9973
  return hash % 40
}

/** What a node does, after a while. */
const slowed =
  (id, work) =>
  async (call, { run }) => {
    await sleep(milliseconds(run, id))
    return work(call)
  }

/**
 * Everything at once: fan-out, `all` and `any` joins, a loop, a sleep, a wait and a subflow. From a context with `n`.
 *
 * @param {(node: string, work: Function) => Function} recorded
 */
function everything(recorded) {
  const node = (id, work) => recorded(id, writing(id, slowed(id, work)))
  const n = (call) => call.context.get('n')
  return createFlow('everything')
    .node(
      'start',
      node('start', async (call) => {
        await call.context.set('trail', [])
        await call.context.set('count', 0)
        return { output: await n(call) }
      }),
    )
    .node(
      'double',
      node('double', async ({ input }) => ({ output: input * 2 })),
    )
    .node(
      'next',
      node('next', async ({ input }) => ({ output: input + 1 })),
    )
    .node(
      'square',
      node('square', async ({ input }) => ({ output: input * input })),
    )
    .node(
      'sum',
      node('sum', async ({ context }) => ({ output: (await context.get('double')) + (await context.get('next')) })),
    )
    .node(
      'either',
      node('either', async (call) => ({ output: `either ${await n(call)}` })),
      { config: { joinStrategy: 'any' } },
    )
    .node(
      'round',
      node('round', async ({ context }) => {
        const trail = [...(await context.get('trail')), await context.get('count')]
        await context.set('trail', trail)
        await context.set('count', trail.length)
        return { output: trail.length }
      }),
    )
    .loop('rounds', { startNodeId: 'round', endNodeId: 'round', condition: `count < ${ROUNDS}` })
    .node('nested', SubflowNode, {
      params: { blueprintId: 'nested', inputs: { n: 'n', run: 'run' }, outputs: { inside: 'in-end' } },
    })
    .sleep('nap', { duration: 150 })
    .wait('approval')
    .node(
      'end',
      node('end', async ({ context }) => {
        const [sum, square, either, trail, approval, inside] = await Promise.all(
          ['sum', 'square', 'either', 'trail', 'approval', 'inside'].map((key) => context.get(key)),
        )
        return { output: { sum, square, either, trail, approval, inside } }
      }),
    )
    .edge('start', 'double')
    .edge('start', 'next')
    .edge('start', 'square')
    .edge('double', 'sum')
    .edge('next', 'sum')
    .edge('next', 'either')
    .edge('square', 'either')
    .edge('sum', 'rounds')
    .edge('rounds', 'end')
    .edge('either', 'nap')
    .edge('nap', 'end')
    .edge('square', 'approval')
    .edge('approval', 'end')
    .edge('square', 'nested')
    .edge('nested', 'end')
}

/** Runs inside `everything`: a fan-out, a sleep, a webhook and a join. */
function nested(recorded) {
  const node = (id, output) => {
    const work = async ({ context, input }) => ({ output: await output((key) => context.get(key), input) })
    return recorded(id, writing(id, slowed(id, work)))
  }
  return createFlow('nested')
    .node(
      'in-start',
      node('in-start', (get) => get('n')),
    )
    .node(
      'in-left',
      node('in-left', async (get) => (await get('in-start')) + 1),
    )
    .sleep('in-nap', { duration: 60 })
    .node(
      'in-right',
      node('in-right', async (get) => (await get('in-start')) * 2),
    )
    .node(
      'in-end',
      node('in-end', async (get) => [await get('in-left'), await get('in-right'), await get('in-hooked')]),
    )
    .node('in-hook', WebhookNode)
    .node(
      'in-hooked',
      node('in-hooked', (_, input) => input.request.body),
    )
    .edge('in-start', 'in-left')
    .edge('in-start', 'in-nap')
    .edge('in-nap', 'in-right')
    .edge('in-left', 'in-end')
    .edge('in-right', 'in-end')
    .edge('in-start', 'in-hook')
    .edge('in-hook', 'in-hooked')
    .edge('in-hooked', 'in-end')
}

/** The diamonds, inside a subflow. */
function around(recorded) {
  const params = { blueprintId: 'diamonds', inputs: { n: 'n', run: 'run' }, outputs: { inside: 'end' } }
  return createFlow('around')
    .node('start', SubflowNode, { params })
    .node(
      'last',
      recorded('last', async ({ context }) => ({ output: await context.get('inside') })),
    )
    .edge('start', 'last')
}

/** The diamonds, as a run of its own that a node waits for. */
function parent(recorded) {
  const context = async ({ context }) => ({ n: await context.get('n'), run: await context.get('run') })
  return createFlow('parent')
    .node(
      'start',
      recorded('first', async () => ({ output: 'begun' })),
    )
    .node('child', childRun('diamonds', { context, output: ({ end }) => end }))
    .node(
      'last',
      recorded('last', async ({ input }) => ({ output: input })),
    )
    .edge('start', 'child')
    .edge('child', 'last')
}

/** Two fan-outs and two joins, for faults at one step of one job. */
function diamonds(recorded) {
  const node = (id, output) =>
    recorded(id, async ({ context }) => ({ output: await output((key) => context.get(key)) }))
  return createFlow('diamonds')
    .node(
      'start',
      node('start', async (get) => await get('n')),
    )
    .node(
      'left',
      node('left', async (get) => (await get('start')) + 1),
    )
    .node(
      'right',
      node('right', async (get) => (await get('start')) * 10),
    )
    .node(
      'middle',
      node('middle', async (get) => (await get('left')) + (await get('right'))),
    )
    .node(
      'up',
      node('up', async (get) => (await get('middle')) + 1),
    )
    .node(
      'down',
      node('down', async (get) => (await get('middle')) - 1),
    )
    .node(
      'end',
      node('end', async (get) => (await get('up')) * (await get('down'))),
    )
    .edge('start', 'left')
    .edge('start', 'right')
    .edge('left', 'middle')
    .edge('right', 'middle')
    .edge('middle', 'up')
    .edge('middle', 'down')
    .edge('up', 'end')
    .edge('down', 'end')
}

/** Three nodes in a row; the one in the middle takes `ms`, or blocks the worker named `blocks` until a file is there. */
function line(recorded) {
  return createFlow('line')
    .node(
      'start',
      recorded('start', async () => ({ output: 'started' })),
    )
    .node(
      'work',
      recorded('work', async ({ context }, { nonce, worker }) => {
        if ((await context.get('blocks')) === worker) block(await context.get('until'))
        else await sleep((await context.get('ms')) ?? 0)
        return { output: { nonce, worker } }
      }),
    )
    .node(
      'end',
      recorded('end', async ({ input }) => ({ output: input })),
    )
    .edge('start', 'work')
    .edge('work', 'end')
}

/** Lets nothing else run in this process until a file is there; a minute at most. */
function block(file) {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  for (const end = Date.now() + 60_000; !existsSync(file) && Date.now() < end; ) Atomics.wait(clock, 0, 0, 20)
}

/** Ten branches that meet: as many commits on one row at once as there are workers. */
function fan(recorded) {
  const flow = createFlow('fan').node(
    'start',
    recorded('start', async () => ({ output: 0 })),
  )
  const branches = Array.from({ length: 10 }, (_, index) => `branch-${index}`)
  for (const branch of branches)
    flow
      .node(
        branch,
        recorded(branch, async () => ({ output: 1 })),
      )
      .edge('start', branch)
  flow.node(
    'end',
    recorded('end', async ({ context }) => {
      const outputs = await Promise.all(branches.map((branch) => context.get(branch)))
      return { output: outputs.reduce((sum, each) => sum + each, 0) }
    }),
  )
  for (const branch of branches) flow.edge(branch, 'end')
  return flow
}

const FLOWS = { everything, nested, diamonds, around, parent, line, fan }

/** Part of a runtime's options: every flow here, its nodes recorded. */
export function flowsFor(executions, worker) {
  const blueprints = {}
  const registry = {}
  for (const [name, make] of Object.entries(FLOWS)) {
    const flow = make((node, work) => executions.recorded(node, work, worker))
    blueprints[name] = flow.toBlueprint()
    // Functions are named by their nodes; two flows may have nodes of one name.
    for (const node of blueprints[name].nodes) {
      const work = flow.getFunctionRegistry().get(node.uses)
      if (!work) continue
      registry[`${name}.${node.uses}`] = work
      node.uses = `${name}.${node.uses}`
    }
  }
  return { blueprints, registry, evaluator: new UnsafeEvaluator() }
}

/** What a run of a flow comes to, from what it was started with: its output, and how often each node counts. */
export const outcomes = {
  everything: ({ n }) => ({
    output: {
      sum: 3 * n + 1,
      square: n * n,
      either: `either ${n}`,
      trail: [0, 1, 2],
      approval: { of: n },
      inside: [n + 1, 2 * n, { delivered: n }],
    },
    nodes: {
      ...{ start: 1, double: 1, next: 1, square: 1, sum: 1, either: 1, round: ROUNDS, end: 1 },
      ...{ 'in-start': 1, 'in-left': 1, 'in-right': 1, 'in-hooked': 1, 'in-end': 1 },
    },
  }),
  diamonds: ({ n }) => ({
    output: (11 * n + 2) * (11 * n),
    nodes: { start: 1, left: 1, right: 1, middle: 1, up: 1, down: 1, end: 1 },
  }),
  around: ({ n }) => ({
    output: (11 * n + 2) * (11 * n),
    nodes: { start: 1, left: 1, right: 1, middle: 1, up: 1, down: 1, end: 1, last: 1 },
  }),
  parent: ({ n }) => ({
    output: (11 * n + 2) * (11 * n),
    nodes: { start: 1, left: 1, right: 1, middle: 1, up: 1, down: 1, end: 1, first: 1, last: 1 },
  }),
  line: () => ({ nodes: { start: 1, work: 1, end: 1 } }),
  fan: () => ({
    output: 10,
    nodes: { start: 1, end: 1, ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`branch-${i}`, 1])) },
  }),
}
