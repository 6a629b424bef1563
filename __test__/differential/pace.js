// What makes some nodes slower than others: each time others, by a seed.
import { setTimeout as sleep } from 'node:timers/promises'
import { dice } from './dice.js'

/** Middleware that takes its time before and after a node: up to so many milliseconds, drawn from a seed. */
export function delays(longest, seed) {
  const cast = dice(seed)
  const wait = () => sleep(cast.upTo(longest + 1))
  return { beforeNode: wait, afterNode: wait }
}

/** Middleware under which any node may be much slower than any other; in half of the runs, even than a whole subflow. */
export function hurdles(seed) {
  const cast = dice(seed)
  const wait = async (_context, nodeId) => {
    const inside = /^[sa]\d+_/.test(nodeId)
    if (!(inside && seed % 2) && cast.chance(0.25)) await sleep(40)
  }
  return { beforeNode: wait, afterNode: wait }
}

/**
 * An event bus that takes its time whenever a node starts or ends. Workers are slow by it, and not by middleware: beside
 * middleware a subflow is executed whole.
 */
export function slowBus(longest, seed, bus) {
  const cast = dice(seed)
  return {
    emit: async (event) => {
      bus.emit(event)
      if (event.type === 'node:start' || event.type === 'node:finish') await sleep(cast.upTo(longest + 1))
    },
  }
}
