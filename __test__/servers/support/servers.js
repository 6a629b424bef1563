// Servers beyond the usual three, for one test file: private ones, ended with it.
import { ownFolder, serverAccount, temporaryFolder } from '../../../scripts/servers/account.js'
import { Cleanup } from '../../../scripts/servers/cleanup.js'
import { findPrograms } from '../../../scripts/servers/programs.js'

/** Opens a place for servers; `close()` ends them all. */
export function openPlace() {
  const account = serverAccount()
  const folder = temporaryFolder(account)
  const cleanup = new Cleanup(folder, { keep: false })
  return {
    /** What a server is started with; each has a folder of its own. */
    context: (server, name) => ({
      programs: findPrograms()[server],
      folder: ownFolder(folder, name, account),
      account,
      cleanup,
    }),
    close: () => cleanup.run(),
  }
}

/** Why these tests cannot run here, if they cannot: private servers are started from programs of this machine. */
export function missing(server) {
  return findPrograms()[server] ? false : `there is no program of ${server} on this machine`
}
