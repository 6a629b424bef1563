// What the scenarios share: a worker with a queue of its own, and flows declared as blueprints.

/** Starts a worker on a fresh queue, stopped with the test. */
export async function worker(t, world, flows, options) {
  await world.freshQueue()
  const adapter = world.adapter(flows, options)
  t.after(() => adapter.stop())
  return adapter
}

/** A flow written as a blueprint, for what the builder has no method for: `uses: 'webhook'`, `uses: 'subflow'`. */
export function declared(blueprint, functions = {}) {
  return { toBlueprint: () => blueprint, getFunctionRegistry: () => new Map(Object.entries(functions)) }
}

/** A context's outputs, without the prefix. */
export function outputs(context) {
  const entries = Object.entries(context).filter(([key]) => key.startsWith('_outputs.'))
  return Object.fromEntries(entries.map(([key, value]) => [key.slice('_outputs.'.length), value]))
}
