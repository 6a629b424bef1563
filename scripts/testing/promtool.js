// Prometheus' own program, which reads the alert rules and the dashboard that the package ships: the machine's, or Debian's where
// that may be installed.
import { spawnSync } from 'node:child_process'
import { installPrograms } from '../servers/install.js'

/** Its name or path; undefined where there is none. */
export function findPromtool() {
  const program = process.env.FLOWCRAFT_PROMTOOL ?? 'promtool'
  return spawnSync(program, ['--version']).status === 0 ? program : undefined
}

/** Sees to it that there is one, where that is simple. Without one, the tests that need it are skipped and say so. */
export async function preparePromtool({ log }) {
  if (process.platform === 'linux' && !findPromtool()) await installPrograms(['promtool'], log)
}
