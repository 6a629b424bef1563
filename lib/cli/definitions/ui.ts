/** `ui`: the dashboard. */
import type { Command } from '../command.js'
import { BLUEPRINTS } from './fleet.js'

export const uiCommand: Command = {
  name: 'ui',
  summary: 'Serves the dashboard: runs and their graphs, approvals, dead letters, workers and queues.',
  words: [
    'At localhost it needs no password. At any other address, and behind a proxy, it needs a token: --token, ' +
      'FLOWCRAFT_DASHBOARD_TOKEN, or one that is made and printed. Graphs are drawn from --blueprints.',
  ],
  flags: {
    port: { words: 'the port; default 4600, 0 for any that is free', value: 'number' },
    host: { words: 'the address it listens at; default 127.0.0.1', value: 'address' },
    token: { words: 'whoever opens it needs this secret, of 16 characters or more', value: 'secret' },
    'read-only': { words: 'refuses every action' },
    'base-path': { words: 'the path under which a proxy passes it on, if it does not take it away', value: 'path' },
    blueprints: BLUEPRINTS,
  },
  groups: ['servers'],
  endsItself: true,
  examples: [
    { line: 'ui --blueprints ./flows.js', words: 'at http://127.0.0.1:4600/' },
    { line: 'ui --host 0.0.0.0 --read-only', words: 'for a team, behind a token that is printed' },
  ],
  load: () => import('../commands/ui.js'),
}
