/** Whether a server is of a version that this package is tested with. */
import { type Finding, fault, note, ok } from './finding.js'

/** The oldest and the newest of each server that CI tests with. */
export const TESTED = {
  RabbitMQ: { oldest: '3.10', newest: '4' },
  PostgreSQL: { oldest: '14', newest: '18' },
  Redis: { oldest: '6.2', newest: '8' },
} as const
export type Product = keyof typeof TESTED

/** @param also What else is said of a server whose version will do. */
export function judgeVersion(check: string, product: Product, version: string | undefined, also = ''): Finding {
  const { oldest, newest } = TESTED[product]
  if (version === undefined) return note(check, `${product} does not say its version${also}`)
  if (compare(version, oldest) < 0) {
    const found = `${product} is ${version}; ${oldest} is the oldest that will do`
    return fault(check, found, `upgrade ${product} to ${oldest} or newer; ${newest} is the newest that is tested`)
  }
  if (Number.parseInt(version, 10) > Number.parseInt(newest, 10)) {
    return note(check, `${product} is ${version}, newer than ${newest}, the newest that is tested${also}`)
  }
  return ok(check, `${product} ${version}${also}`)
}

function compare(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => version.split(/[.\-+]/).map((part) => Number.parseInt(part, 10)))
  for (const [at, part] of (b ?? []).entries()) {
    const difference = (a?.[at] || 0) - part
    if (difference !== 0) return difference
  }
  return 0
}
