// Nothing is left out in silence: whatever a setting has the tests do more, longer or elsewhere is listed in CONTRIBUTING,
// and CI runs it.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** Settings that make no test run or stay away: they repeat one, narrow it down, or are set by the tests themselves. */
const OTHERS = [
  'FLOWCRAFT_BESIDE_SEED',
  'FLOWCRAFT_CHAOS_ONLY',
  'FLOWCRAFT_CHAOS_SEED',
  'FLOWCRAFT_CHROMIUM',
  'FLOWCRAFT_DIFFERENTIAL_VERSION',
  'FLOWCRAFT_FAULT',
  'FLOWCRAFT_LOG',
  'FLOWCRAFT_LOG_FORMAT',
  'FLOWCRAFT_PROMTOOL',
  'FLOWCRAFT_SCREENSHOTS',
  'FLOWCRAFT_SIMULATION_MUTANT',
  'FLOWCRAFT_SIMULATION_SEED',
  'FLOWCRAFT_SIMULATION_SEEDS',
  'FLOWCRAFT_SUBFLOWS',
  'FLOWCRAFT_TEST',
]

/** The text of every file in these folders whose name ends so. */
async function textOf(folders, ending) {
  const texts = folders.map(async (folder) => {
    const files = (await readdir(join(repository, folder), { recursive: true })).filter((name) => name.endsWith(ending))
    return Promise.all(files.map((name) => readFile(join(repository, folder, name), 'utf8')))
  })
  return (await Promise.all(texts)).flat().join('\n')
}

const named = (text) => new Set(text.match(/\bFLOWCRAFT_[A-Z0-9_]+/g))

describe('a setting that tests go by', async () => {
  const used = named(`${await textOf(['__test__'], '.js')}\n${await textOf(['src/simulation'], '.rs')}`)
  for (const name of await readdir(join(repository, 'scripts', 'servers'))) {
    for (const each of named(await readFile(join(repository, 'scripts', 'servers', name), 'utf8'))) used.add(each)
  }
  const contributing = await readFile(join(repository, 'CONTRIBUTING.md'), 'utf8')
  const rows = contributing.split('\n').filter((line) => /^\| `(FLOWCRAFT|AMQP)_/.test(line))
  const listed = named(rows.join('\n'))
  const workflows = await textOf(['.github/workflows'], '.yml')
  // The script that sets it stands for it.
  const inCi = named(workflows.replaceAll('npm run test:unit', 'FLOWCRAFT_SERVERS=memory'))

  it('is listed in CONTRIBUTING, or changes nothing of what runs', () => {
    const ports = [...used].filter((name) => /^FLOWCRAFT_[A-Z]+_PORT$/.test(name)) // of compose.yaml
    assert.deepEqual([...used].filter((name) => !listed.has(name) && ![...OTHERS, ...ports].includes(name)).sort(), [])
    assert.deepEqual(
      OTHERS.filter((name) => listed.has(name) || !used.has(name)),
      [],
      'no longer so',
    )
  })

  it('and that is listed is set in CI', () => {
    assert.ok(listed.size > 10)
    assert.deepEqual([...listed].filter((name) => !inCi.has(name)).sort(), [])
  })
})
