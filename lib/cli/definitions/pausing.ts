/** `pause`, `unpause`, `paused`: queues and blueprints that stand still for all workers. */
import type { Command, Flags } from '../command.js'

const WHAT: Flags = {
  'of-queue': { words: 'a queue, by its name', value: 'name' },
  blueprint: { words: 'a blueprint, by its id', value: 'id' },
}

export const PAUSING_COMMANDS: readonly Command[] = [
  {
    name: 'pause',
    summary: 'Pauses a queue, or a blueprint, for all workers, until it is unpaused.',
    words: [
      'Of a paused queue workers take no jobs: these wait in it. Of a paused blueprint they execute no node: its runs keep what is due. ' +
        'What is being executed ends, and counts.',
      'Workers heed it within about two seconds; those of 2.0.0 do not. Needs the table of step 8 of migrate.',
    ],
    flags: { ...WHAT, reason: { words: 'why, for those who look later', value: 'text' } },
    groups: ['output', 'servers'],
    examples: [
      { line: "pause --of-queue flowcraft-jobs --reason 'the provider is down'", words: 'a queue' },
      { line: 'pause --blueprint order', words: 'a blueprint' },
    ],
    load: () => import('../commands/pause.js'),
  },
  {
    name: 'unpause',
    summary: 'Lets a paused queue, or blueprint, go on.',
    words: [
      'Of a blueprint it publishes what is due of its runs and not executed, which takes three seconds and longer. Interrupted, call it again.',
    ],
    flags: WHAT,
    groups: ['output', 'servers'],
    examples: [{ line: 'unpause --of-queue flowcraft-jobs', words: 'its workers take jobs again' }],
    load: () => import('../commands/unpause.js'),
  },
  {
    name: 'paused',
    summary: 'Lists the queues and blueprints that are paused, since when, and why.',
    groups: ['output', 'servers'],
    examples: [{ line: 'paused', words: 'what stands still' }],
    load: () => import('../commands/paused.js'),
  },
]
