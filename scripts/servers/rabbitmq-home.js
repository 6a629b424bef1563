// A view of the RabbitMQ installation without its plugins.
//
// While it boots, RabbitMQ searches the folders of all plugins, enabled or not, for hundreds of modules.
// Without those folders a node starts in about half the time.

import { existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

// Named like a plugin, but part of the server.
const NEEDED = /^rabbitmq_prelaunch/

/**
 * Makes the view, out of links.
 *
 * @param {string} scripts folder of rabbitmq-server
 * @param {string} parent where the view is made
 * @returns {string | undefined} the folder of scripts inside the view; undefined if this installation looks
 *   different from what we know, and is better used as it is
 */
export function homeWithoutPlugins(scripts, parent) {
  const home = dirname(dirname(realpathSync(join(scripts, 'rabbitmq-server'))))
  if (!['sbin', 'escript', 'plugins'].every((name) => existsSync(join(home, name)))) return undefined

  const view = join(parent, 'home')
  mkdirSync(join(view, 'plugins'), { recursive: true })
  for (const name of ['sbin', 'escript']) symlinkSync(join(home, name), join(view, name))
  for (const name of readdirSync(join(home, 'plugins'))) {
    const isPlugin = name.startsWith('rabbitmq_') && !NEEDED.test(name)
    if (!isPlugin) symlinkSync(join(home, 'plugins', name), join(view, 'plugins', name))
  }
  return join(view, 'sbin')
}
