/** What a worker needs to keep limits, looked at before anything is opened. */
import { countsLimits } from '../api/redis-coordination-store.js'
import { mistake } from '../errors.js'
import { limitIn, rulesOf } from '../execution/limits.js'
import { isObject } from '../is-object.js'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'
import type { CheckedOptions } from '../options/adapter-schema.js'

/** @throws TypeError where limits cannot be kept: nobody counts, or a node asks for one that has no rules. */
export function checkLimits(options: RabbitMqAdapterOptions, { limits }: CheckedOptions): void {
  if (!limits) return
  const refuse = (message: string) => mistake('INVALID_OPTION', message, { option: 'limits' })
  if (!countsLimits(options.coordinationStore)) {
    throw refuse(
      'The option limits needs a RedisCoordinationStore: a coordination store of your own has no operation that counts in one step',
    )
  }
  for (const [id, blueprint] of Object.entries(options.runtimeOptions.blueprints ?? {})) {
    const nodes = isObject(blueprint) && Array.isArray(blueprint.nodes) ? blueprint.nodes : []
    for (const node of nodes.filter(isObject)) {
      const limit = limitIn(node as never)
      if (limit === undefined || Object.hasOwn(limits, rulesOf(limit))) continue
      const name = String(node.id)
      throw refuse(
        `Node '${name}' of blueprint '${id}' has the limit '${limit}': option limits has no '${rulesOf(limit)}'`,
      )
    }
  }
}
