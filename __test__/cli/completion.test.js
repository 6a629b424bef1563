// Completion: bash runs its script here; of the others the script has every command and flag.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { COMMANDS } from '../../dist/cli/commands.js'
import { cli } from './support/cli.js'

const run = promisify(execFile)
const bash = await cli(['completion', 'bash'])
const hasBash = await run('bash', ['--version']).then(
  () => true,
  () => false,
)

/** What bash offers after these words. */
async function offered(...words) {
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const program = `${bash.stdout}
    COMP_WORDS=(flowcraft-rabbitmq ${quoted}); COMP_CWORD=${words.length}
    _flowcraft_rabbitmq; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout } = await run('bash', ['--norc', '-c', program])
  return stdout.split('\n').filter(Boolean)
}

describe('completion in bash', { skip: !hasBash && 'there is no bash' }, () => {
  it('offers nouns, verbs, flags and their values', async () => {
    assert.deepEqual((await offered('')).sort(), [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0]))].sort())
    assert.deepEqual(await offered('dead', ''), ['list', 'show', 'replay', 'purge'])
    assert.deepEqual(await offered('do'), ['doctor'])
    assert.deepEqual(await offered('runs', 'list', '--sta'), ['--status', '--statuses'])
    assert.deepEqual(await offered('doctor', '--max'), ['--max-backlog', '--max-age'])
    assert.deepEqual(await offered('doctor', '-o', 'j'), ['json', 'jsonl'])
    assert.deepEqual(await offered('doctor', '--output', 't'), ['table'])
    assert.deepEqual(await offered('runs', '--queue', 'jobs', 'ret'), ['retry'])
    assert.deepEqual(await offered('completion', 'f'), ['fish'])
    assert.deepEqual(await offered('runs', 'start', '--on-conflict', 'r'), ['reject', 'restart-if-ended'])
  })
})

describe('completion in zsh and fish', () => {
  for (const shell of ['zsh', 'fish']) {
    it(`has every command and flag (${shell})`, async () => {
      const { code, stdout } = await cli(['completion', shell])
      assert.equal(code, 0)
      for (const { name, flags = {} } of COMMANDS) {
        for (const word of name.split(' ')) assert.ok(stdout.includes(word), word)
        for (const flag of Object.keys(flags)) assert.ok(stdout.includes(flag), flag)
      }
    })
  }
})
