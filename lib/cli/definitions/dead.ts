/** `dead …`: messages that could not be processed. */
import type { Command, Flags } from '../command.js'

const CHOICE: Flags = {
  all: { words: 'all dead letters' },
  run: { words: 'only those of this run', value: 'id' },
  blueprint: { words: 'only those of runs of this blueprint', value: 'id' },
}
const IDS = { name: 'id', words: 'ids of dead letters, as dead list shows them', many: true } as const

export const DEAD_COMMANDS: readonly Command[] = [
  {
    name: 'dead list',
    summary: 'Lists dead letters: messages that could not be processed, the oldest first.',
    words: ['They stay where they are. Each look is a delivery, which a quorum queue with a delivery limit counts.'],
    flags: {
      run: CHOICE.run as Flags[string],
      blueprint: CHOICE.blueprint as Flags[string],
      limit: { words: 'at most so many', value: 'number' },
    },
    groups: ['output', 'servers'],
    examples: [
      { line: 'dead list', words: 'what could not be processed, and why' },
      { line: 'dead list -o jsonl | jq -r .reason | sort | uniq -c', words: 'how often each reason occurs' },
    ],
    load: () => import('../commands/dead-list.js'),
  },
  {
    name: 'dead show',
    summary: 'Shows a dead letter with its whole body.',
    args: [{ name: 'id', words: 'its id, as dead list shows it', required: true }],
    groups: ['output', 'servers'],
    examples: [{ line: 'dead show 0193b2c1-…', words: 'reason, worker, job and body' }],
    load: () => import('../commands/dead-show.js'),
  },
  {
    name: 'dead replay',
    summary: 'Puts dead letters back into their queues; a run that ended because of one goes on.',
    words: ['Mend first what the reason names: what cannot be processed still comes back.'],
    args: [IDS],
    flags: CHOICE,
    groups: ['confirmation', 'output', 'servers'],
    examples: [
      { line: 'dead replay 0193b2c1-…', words: 'one' },
      { line: 'dead replay --blueprint order --yes', words: 'all of a blueprint, without asking' },
    ],
    load: () => import('../commands/dead-replay.js'),
  },
  {
    name: 'dead purge',
    summary: 'Removes dead letters for good; runs that ended because of them stay as they are.',
    args: [IDS],
    flags: CHOICE,
    groups: ['confirmation', 'output', 'servers'],
    examples: [
      { line: 'dead purge 0193b2c1-…', words: 'one' },
      { line: 'dead purge --all --yes', words: 'all, without asking' },
    ],
    load: () => import('../commands/dead-purge.js'),
  },
]
