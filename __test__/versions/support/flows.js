// Flows whose runs come into every state a run can have. A node appends its letter to its input, and waits at the gate of
// its name if a test has shut it.
import { createFlow, UnsafeEvaluator } from 'flowcraft'

const LAPS = 3

/** Four nodes in a row. */
function chain(step) {
  return createFlow('chain')
    .node('a', step('a'))
    .node('b', step('b'))
    .node('c', step('c'))
    .node('d', step('d'))
    .edge('a', 'b')
    .edge('b', 'c')
    .edge('c', 'd')
}

/** Four branches that meet, in a blueprint with a version. */
function fan(step) {
  const branches = ['one', 'two', 'three', 'four']
  const flow = createFlow('fan').node('start', step('start'))
  for (const branch of branches) flow.node(branch, step(branch)).edge('start', branch)
  flow.node(
    'sum',
    step('sum', async ({ context }) => (await Promise.all(branches.map((each) => context.get(each)))).join('+')),
  )
  for (const branch of branches) flow.edge(branch, 'sum')
  flow.blueprint.metadata = { version: '7' }
  return flow
}

/** The node in the middle fails in the worker named `first`, and is tried again later where `config` says so. */
function failing(id, config) {
  return (step) =>
    createFlow(id)
      .node('start', step('start'))
      .node(
        'flaky',
        step('flaky', async (_call, { worker }) => {
          if (worker === 'first') throw new Error('down')
          return 'up'
        }),
        config && { config },
      )
      .node('end', step('end'))
      .edge('start', 'flaky')
      .edge('flaky', 'end')
}

/** A pause in the middle. */
function pausing(id, pause) {
  return (step) =>
    pause(createFlow(id).node('start', step('start')))
      .node('end', step('end'))
      .edge('start', 'pause')
      .edge('pause', 'end')
}

/** The action that resumes the review decides the way. */
function review(step) {
  return createFlow('review')
    .node('start', step('start'))
    .wait('pause')
    .node('yes', step('yes'))
    .node('no', step('no'))
    .edge('start', 'pause')
    .edge('pause', 'yes', { action: 'yes' })
    .edge('pause', 'no', { action: 'no' })
}

/** An event that may come while another pause is still on. */
function early(step) {
  return createFlow('early')
    .node('start', step('start'))
    .wait('pause')
    .wait('paid', { params: { eventName: 'paid' } })
    .node('end', step('end'))
    .edge('start', 'pause')
    .edge('pause', 'paid')
    .edge('paid', 'end')
}

function loop(step) {
  return createFlow('loop')
    .node(
      'start',
      step('start', async ({ context }) => {
        await context.set('laps', 0)
        return 0
      }),
    )
    .node(
      'lap',
      step(
        'lap',
        async ({ context }) => {
          const laps = (await context.get('laps')) + 1
          await context.set('laps', laps)
          return laps
        },
        { gate: async ({ context }) => `lap-${(await context.get('laps')) + 1}` },
      ),
    )
    .node('end', step('end'))
    .loop('laps-left', { startNodeId: 'lap', endNodeId: 'lap', condition: `laps < ${LAPS}` })
    .edge('start', 'laps-left')
    .edge('laps-left', 'end')
}

function batch(step) {
  return createFlow('batch')
    .node(
      'start',
      step('start', async ({ context }) => {
        await context.set('items', [1, 2, 3, 4])
        return 4
      }),
    )
    .batch(
      'double',
      step('item', async ({ input }) => input * 2, { gate: ({ input }) => `item-${input}` }),
      { inputKey: 'items', outputKey: 'doubled' },
    )
    .node(
      'end',
      step('end', async ({ context }) => context.get('doubled')),
    )
    .edge('start', 'double')
    .edge('double', 'end')
}

/** A pause inside a subflow. */
function outer(step) {
  const flow = createFlow('outer').node('start', step('start')).node('end', step('end'))
  flow.blueprint.nodes.push({ id: 'sub', uses: 'subflow', params: { blueprintId: 'inner', inputs: { run: 'run' } } })
  return flow.edge('start', 'sub').edge('sub', 'end')
}

function inner(step) {
  return createFlow('inner')
    .node('before', step('before'))
    .wait('pause')
    .node('after', step('after'))
    .edge('before', 'pause')
    .edge('pause', 'after')
}

const FLOWS = {
  chain,
  fan,
  retry: failing('retry', { maxRetries: 3, retryDelay: 4000 }),
  soon: failing('soon', { maxRetries: 3, retryDelay: 300 }),
  broken: failing('broken'),
  sleep: pausing('sleep', (flow) => flow.sleep('pause', { duration: 4000 })),
  event: pausing('event', (flow) => flow.wait('pause', { params: { eventName: 'paid' } })),
  webhook: pausing('webhook', (flow) => {
    flow.blueprint.nodes.push({ id: 'pause', uses: 'webhook' })
    return flow
  }),
  review,
  early,
  loop,
  batch,
  outer,
  inner,
}

/** Part of a runtime's options: every flow here, its nodes recorded as done by `worker`. */
export function flowsFor({ executions, gates, worker }) {
  const step = (id, work = async ({ input }) => `${input ?? ''}${id}`, { gate = () => id } = {}) =>
    executions.recorded(
      id,
      async (call, told) => {
        await gates.passed(told.run, await gate(call), call.signal)
        return { output: await work(call, told) }
      },
      worker,
    )
  const blueprints = {}
  const registry = {}
  for (const [name, make] of Object.entries(FLOWS)) {
    const flow = make(step)
    const blueprint = flow.toBlueprint()
    // By names that are the same in every process: those of a batch's items stand in the run's record.
    const named = (uses, own) => {
      const work = flow.getFunctionRegistry().get(uses)
      if (!work) return uses
      registry[own] = work
      return own
    }
    for (const node of blueprint.nodes) {
      node.uses = named(node.uses, `${name}.${node.id}`)
      if (node.params?.workerUsesKey) {
        node.params.workerUsesKey = named(node.params.workerUsesKey, `${name}.${node.id}.item`)
      }
    }
    blueprints[name] = blueprint
  }
  return { blueprints, registry, evaluator: new UnsafeEvaluator() }
}

/** The node with which a run of a flow begins. */
export const startOf = (flow) => ({ chain: 'a', inner: 'before' })[flow] ?? 'start'
