/** `migrate …`: tables of our own, in steps. */
import type { Command, Flags } from '../command.js'

const STEPS: Flags = {
  to: { words: 'the last step that is done afterwards', value: 'step' },
  'dry-run': { words: 'changes nothing, and says which steps would be taken' },
  'show-sql': { words: 'shows the statements of each step' },
}

export const MIGRATE_COMMANDS: readonly Command[] = [
  {
    name: 'migrate up',
    summary: 'Makes what is missing of the tables beside yours; safe while workers run.',
    words: [
      'Not while workers of version 1 run: they would not see the journal. docs/migrations.md says what each step is for.',
    ],
    flags: STEPS,
    groups: ['output', 'servers'],
    examples: [
      { line: 'migrate up --dry-run --show-sql', words: 'what it would do' },
      { line: 'migrate up', words: 'does it' },
    ],
    load: () => import('../commands/migrate-up.js'),
  },
  {
    name: 'migrate down',
    summary: 'Takes away what migrate up made; every run goes on as before.',
    flags: STEPS,
    groups: ['confirmation', 'output', 'servers'],
    examples: [
      { line: 'migrate down --to 2', words: 'takes away the steps after the second' },
      { line: 'migrate down --yes', words: 'takes everything away, without asking' },
    ],
    load: () => import('../commands/migrate-down.js'),
  },
  {
    name: 'migrate status',
    summary: 'Says of each step whether it is done.',
    groups: ['output', 'servers'],
    examples: [{ line: 'migrate status', words: 'what is done, since when' }],
    load: () => import('../commands/migrate-status.js'),
  },
]
