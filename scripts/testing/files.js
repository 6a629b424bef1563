// The files of tests, and those that need no servers.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from './run.js'

/**
 * Suites that run on the adapter's memory, by `npm run test:unit`, with FLOWCRAFT_SERVERS=memory: files or folders of
 * `__test__/`. What a suite tests must be the same there; what only real servers do stays out.
 */
export const ON_MEMORY = [
  'memory',
  'client',
  'dashboard',
  'schedules',
  'retention',
  'limits/at-a-time.test.js',
  'limits/over-time.test.js',
  'testing',
  'docs',
  'examples',
  'package',
  'parity',
  'durable',
  'input',
  'differential',
  'encryption',
  'guide',
  'operating',
  'demo/memory.test.js',
  'process/ended-threads.test.js',
  'process/freed.test.js',
  'process/start-and-stop.test.js',
  'security/log-lines.test.js',
]

/** Files that take longest, begun first: a long one begun last leaves a core idle. */
const LONGEST = [
  'faults/chaos.test.js',
  'cli/doctor.test.js',
  'servers/registry.test.js',
  'servers/quorum-queues.test.js',
  'faults/rabbitmq.test.js',
  'durable/deployed-blueprints.test.js',
  'faults/silent-connections.test.js',
  'faults/poison.test.js',
]

/** Files whose tests say how long something may take: they have the machine to themselves. */
const TIMED = ['faults/locked-rows.test.js']

/** The files that may run side by side, and those that may not. */
export function sideBySide(files) {
  const isTimed = (file) => TIMED.some((timed) => file === join('__test__', timed))
  return [files.filter((file) => !isTimed(file)), files.filter(isTimed)]
}

/** The files whose names have one of these parts, all if none is wanted. */
export async function testFiles(wanted = []) {
  const files = (await readdir(join(repository, '__test__'), { recursive: true })).filter((file) =>
    file.endsWith('.test.js'),
  )
  const rank = (file) => (LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length)
  return files
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1))
    .map((file) => join('__test__', file))
}

/** The files on memory. Each entry of the list must name some: one that is misspelt would test nothing. */
export async function memoryFiles() {
  const found = await Promise.all(
    ON_MEMORY.map(async (entry) => {
      const files = (await testFiles()).filter((file) => `${file}/`.startsWith(`${join('__test__', entry)}/`))
      if (files.length === 0) throw new Error(`There is no test in __test__/${entry}, which ON_MEMORY names`)
      return files
    }),
  )
  return found.flat()
}
