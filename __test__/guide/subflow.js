// Flows that run others.

/** The flow builder has no method for `uses: 'subflow'`: its blueprint has, by a node that is renamed. */
export function calling(flow, ...nodes) {
  return {
    toBlueprint: () => {
      const blueprint = flow.toBlueprint()
      for (const { id, ...params } of nodes) {
        Object.assign(
          blueprint.nodes.find((node) => node.id === id),
          { uses: 'subflow', params },
        )
      }
      return blueprint
    },
    getFunctionRegistry: () => flow.getFunctionRegistry(),
  }
}
