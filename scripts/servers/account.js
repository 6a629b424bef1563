// Under which account, and in which folder, private servers run. PostgreSQL refuses to run as root, and that
// is a good rule for all servers without passwords: when we are root, they run as somebody else.

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * @typedef {{ uid: number, gid: number }} Account
 */

/**
 * The account for the servers; undefined means our own.
 *
 * @returns {Account | undefined}
 */
export function serverAccount() {
  if (process.getuid?.() !== 0) return undefined
  for (const name of ['postgres', 'nobody']) {
    const account = { uid: idOf(name, '-u'), gid: idOf(name, '-g') }
    if (account.uid && account.gid) return account
  }
  throw new Error('PostgreSQL does not run as root, and there is no user "postgres" or "nobody" instead.')
}

/** A fresh folder that the account can reach. */
export function temporaryFolder(account) {
  const base = !account || reachableByAll(tmpdir()) ? tmpdir() : '/tmp'
  const folder = mkdtempSync(join(base, 'flowcraft-'))
  if (account) chmodSync(folder, 0o711)
  return folder
}

/** A folder inside it that belongs to the account alone. */
export function ownFolder(parent, name, account) {
  const folder = join(parent, name)
  mkdirSync(folder, { mode: 0o700 })
  if (account) chownSync(folder, account.uid, account.gid)
  return folder
}

function idOf(name, flag) {
  try {
    return Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch {
    return undefined
  }
}

function reachableByAll(folder) {
  for (let at = folder; ; at = dirname(at)) {
    if (!(statSync(at).mode & 0o001)) return false
    if (at === dirname(at)) return true
  }
}
