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
  'limits/fairness.test.js',
  'limits/of-a-run.test.js',
  'limits/over-time.test.js',
  'limits/told.test.js',
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

/** Files of those suites that take seconds each: `npm run test:unit` leaves them out, unless FLOWCRAFT_LONG=1. */
const SLOW_ON_MEMORY = [
  'client/failed-attempts.test.js',
  'client/pausing.test.js',
  'client/progress.test.js',
  'client/rerun.test.js',
  'client/start.test.js',
  'client/told.test.js',
  'client/watch.test.js',
  'dashboard/live.test.js',
  'demo/memory.test.js',
  'differential',
  'durable/control.test.js',
  'durable/heartbeat.test.js',
  'durable/inner-blueprints.test.js',
  'durable/last-progress.test.js',
  'durable/other-queues.test.js',
  'durable/sleep.test.js',
  'durable/subflows.test.js',
  'durable/unnamed-runs.test.js',
  'input/messages.test.js',
  'input/nodes-that-throw.test.js',
  'input/outputs.test.js',
  'input/runs-and-rows.test.js',
  'limits/at-a-time.test.js',
  'limits/fairness.test.js',
  'limits/of-a-run.test.js',
  'limits/over-time.test.js',
  'memory/recovery.test.js',
  'operating/health.test.js',
  'package/contents.test.js',
  'parity/nodes-and-edges.test.js',
  'parity/subflows.test.js',
  'parity/table.test.js',
  'testing/faults.test.js',
  'testing/freed.test.js',
]

/** Files that take longest, begun first: a long one begun last leaves a core idle. */
const LONGEST = [
  'faults/crash.test.js',
  'faults/chaos.test.js',
  'cli/doctor.test.js',
  'servers/registry.test.js',
  'servers/quorum-queues.test.js',
  'faults/rabbitmq.test.js',
  'durable/deployed-blueprints.test.js',
  'faults/silent-connections.test.js',
  'faults/poison.test.js',
]

/**
 * Suites that wait for what takes its time: servers that restart, leases that run out, processes that die by the dozen.
 * `npm test` leaves them out, so that all of it ends within minutes; FLOWCRAFT_LONG=1 runs them too, as CI does for each change.
 */
export const LONG = [
  'cli/bulk.test.js',
  'cli/dead.test.js',
  'client/pausing-and-recovery.test.js',
  'cli/doctor.test.js',
  'cli/fleet.test.js',
  'cli/frame.test.js',
  'cli/pausing.test.js',
  'cli/schedules.test.js',
  'cli/terminal.test.js',
  'client/crash.test.js',
  'client/crashes.test.js',
  'client/finding-speed.test.js',
  'dashboard/browser-actions.test.js',
  'dashboard/browser-doing.test.js',
  'dashboard/browser-graph.test.js',
  'dashboard/browser-one-run.test.js',
  'dashboard/browser-reading.test.js',
  'dashboard/browser-runs.test.js',
  'dashboard/browser-servers.test.js',
  'dashboard/browser.test.js',
  'dashboard/bulk-retry.test.js',
  'dashboard/large-contexts.test.js',
  'dashboard/speed.test.js',
  'drills',
  'durable/deployed-blueprints.test.js',
  'durable/restart.test.js',
  'encryption/keys.test.js',
  'examples',
  'faults/chaos.test.js',
  'faults/locked-rows.test.js',
  'faults/looking-for-lost-jobs.test.js',
  'faults/poison.test.js',
  'faults/postgres.test.js',
  'faults/rabbitmq.test.js',
  'faults/redis.test.js',
  'faults/repair.test.js',
  'faults/silent-connections.test.js',
  'faults/worker.test.js',
  'input/too-large.test.js',
  'journal/migrate.test.js',
  'journal/migrations.test.js',
  'limits/faults.test.js',
  'schedules/fleet.test.js',
  'servers',
]

/**
 * Files that have the machine to themselves: their tests say how long something may take, or write so much in one statement that
 * an index that another test makes waits for it.
 */
const TIMED = [
  'client/finding-speed.test.js',
  'dashboard/large-contexts.test.js',
  'dashboard/speed.test.js',
  'faults/locked-rows.test.js',
  'input/too-large.test.js',
]

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

/** What runs, and what is left out: a suite that is named always runs. */
export async function chosenFiles(wanted, { long }) {
  const files = await testFiles(wanted)
  const all = await testFiles()
  const isLong = (file) => LONG.some((entry) => isOf(file, entry))
  const unknown = LONG.filter((entry) => !all.some((file) => isOf(file, entry)))
  if (unknown.length > 0) throw new Error(`There is no test in __test__/${unknown[0]}, which LONG names`)
  if (long || wanted.length > 0) return { files, leftOut: [] }
  return { files: files.filter((file) => !isLong(file)), leftOut: files.filter(isLong) }
}

/** Whether a file is an entry of a list, or in its folder. */
function isOf(file, entry) {
  return `${file}/`.startsWith(`${join('__test__', entry)}/`)
}

/** The files on memory; unless it is to be `long`, those that take seconds each are left out. */
export async function memoryFiles({ long }) {
  const all = await testFiles()
  const found = ON_MEMORY.flatMap((entry) => named(all, entry, 'ON_MEMORY'))
  const slow = new Set([...LONG, ...SLOW_ON_MEMORY].flatMap((entry) => named(all, entry, 'SLOW_ON_MEMORY')))
  const isLeftOut = (file) => !long && slow.has(file)
  return { files: found.filter((file) => !isLeftOut(file)), leftOut: found.filter(isLeftOut) }
}

/** The files of an entry of a list. Each names some: one that is misspelt would test nothing. */
function named(all, entry, list) {
  const files = all.filter((file) => isOf(file, entry))
  if (files.length === 0) throw new Error(`There is no test in __test__/${entry}, which ${list} names`)
  return files
}
