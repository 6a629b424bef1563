// A PgBouncer of a test's own, before the servers that all tests share.
import { serverAccount, temporaryFolder } from '../../../scripts/servers/account.js'
import { Cleanup } from '../../../scripts/servers/cleanup.js'
import { installPrograms } from '../../../scripts/servers/install.js'
import { startPooler } from '../../../scripts/servers/private.js'
import { findPrograms } from '../../../scripts/servers/programs.js'
import { urls } from '../../fixtures/shared-servers.js'

/** Whether there is one to be had; else why not. */
export async function missingPooler() {
  if (findPrograms().pgbouncer) return false
  await installPrograms(['pgbouncer'], () => {})
  return findPrograms().pgbouncer ? false : 'there is no PgBouncer on this machine'
}

/** Starts one for the test `t`; answers with the URL of the database through it. */
export async function openPooler(t, before = {}) {
  const account = serverAccount()
  const folder = temporaryFolder(account)
  const cleanup = new Cleanup(folder, { keep: false })
  t.after(() => cleanup.run())
  const context = { programs: findPrograms(), folder, account, cleanup }
  const { url } = await startPooler(context, { url: urls.direct, ...before })
  return url
}
