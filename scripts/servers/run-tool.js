// Runs a server's tool (initdb, rabbitmqctl) to its end, and makes sure that it does not outlive us.

import { execFile } from 'node:child_process'

/**
 * @param {string} file
 * @param {string[]} args
 * @param {object} context
 * @param {string} context.cwd
 * @param {NodeJS.ProcessEnv} context.env
 * @param {import('./account.js').Account} [context.account]
 * @param {import('./cleanup.js').Cleanup} context.cleanup
 * @returns {Promise<string>} what it printed
 */
export function runTool(file, args, { cwd, env, account, cleanup }) {
  cleanup.refuseIfBegun()
  return new Promise((resolve, reject) => {
    const options = { cwd, env, ...account, detached: true, maxBuffer: 1 << 26 }
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (child.pid !== undefined) cleanup.forget(child.pid)
      if (!error) return resolve(stdout)
      const said = `${stdout}\n${stderr}`.trim()
      reject(new Error(said ? `${error.message.split('\n')[0]}\n${said}` : error.message))
    })
    if (child.pid !== undefined) cleanup.watch(child.pid, 'SIGTERM')
  })
}
