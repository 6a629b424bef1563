// Makes cases out of a seed. A case is plain JSON: the fleet that runs it, a blueprint, its sub-blueprints, the context it starts
// with, and what its nodes that pause are resumed with.
import { dice } from './dice.js'
import { Maker } from './maker.js'

export function generate(seed) {
  const name = `g${seed.toString(36)}`
  const cast = dice(seed)
  const fleet = cast.weighed({ plain: 4, queue: 3, serializer: 3 })
  const context = { flag: cast.chance(0.5), start: cast.upTo(50) }
  const one = { name, fleet, context, subs: [], pauses: {} }
  const maker = new Maker({ name, cast, one, depth: 0 })
  const pauses = cast.chance(0.12) ? cast.between(1, 2) : 0
  return { ...one, blueprint: maker.make(cast.between(2, 9), pauses) }
}
