// Installs missing server programs where that is simple and allowed: on Debian and its relatives, as root or
// with a sudo that asks for no password.

import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { promisify } from 'node:util'

const run = promisify(execFile)

const PACKAGES = {
  rabbitmq: 'rabbitmq-server',
  postgres: 'postgresql',
  redis: 'redis-server',
  pgbouncer: 'pgbouncer',
  chromium: 'chromium',
  promtool: 'prometheus',
}

// Debian starts a service as soon as its package is installed, unless a policy-rc.d says no (101). We only
// want the programs, so we add one while we install, unless the machine has its own.
const SCRIPT = `
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
apt-get update -q
apt-get install -y -q --no-install-recommends "$@"
`

/**
 * @param {string[]} names of the servers, or of the other programs that tests need, that are missing
 * @param {(line: string) => void} log
 * @returns {Promise<boolean>} whether something was installed
 */
export async function installPrograms(names, log) {
  const root = await prefixForRoot()
  if (!root) return false
  const packages = names.map((name) => PACKAGES[name])
  log(`Installing ${packages.join(', ')} with apt-get (programs only, no service is started) ...`)
  const [program, ...args] = [...root, 'sh', '-c', SCRIPT, 'install', ...packages]
  try {
    await run(program, args, { maxBuffer: 1 << 26 })
    return true
  } catch (error) {
    const lines = `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim().split('\n')
    log(`The installation failed; the end of what it said:\n${lines.slice(-5).join('\n')}`)
    return false
  }
}

/** What to put before a command so that it runs as root; undefined if nothing may be installed here. */
async function prefixForRoot() {
  try {
    accessSync('/usr/bin/apt-get', constants.X_OK)
    if (process.getuid() === 0) return []
    await run('sudo', ['-n', 'true'])
    return ['sudo', '-n']
  } catch {
    return undefined
  }
}
