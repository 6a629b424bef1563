// Imports in lib point down, as lib/index.ts draws it.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const lib = fileURLToPath(new URL('../../lib', import.meta.url))
/** From the top. Those that stand together import nothing of each other. */
const ROOMS = [
  ['cli'],
  ['dashboard'],
  ['index.ts', 'testing'],
  ['adapter.ts'],
  ['worker'],
  ['client'],
  ['api'],
  ['execution'],
  ['operating'],
  ['connections'],
  ['bridge'],
  ['options'],
  ['harmless.ts', 'lifecycle.ts', 'log.ts'],
  ['errors.ts', 'thrown.ts'],
  ['is-object.ts'],
]

const files = (await readdir(lib, { recursive: true })).filter((name) => name.endsWith('.ts'))
const roomOf = (file) => file.split('/')[0]
const floor = (file) => ROOMS.findIndex((rooms) => rooms.includes(roomOf(file)))

describe('the rooms of lib', () => {
  it('hold every file', () => {
    assert.deepEqual(
      files.filter((file) => floor(file) < 0),
      [],
    )
  })

  it('import only what stands below, or their own', async () => {
    const wrong = []
    for (const file of files) {
      const text = await readFile(join(lib, file), 'utf8')
      for (const [, path] of text.matchAll(/ from '(\.[^']+)\.js'/g)) {
        const target = relative(lib, join(lib, dirname(file), `${path}.ts`))
        if (target.startsWith('..')) continue
        const isBelow = floor(target) > floor(file) || roomOf(target) === roomOf(file)
        if (!isBelow) wrong.push(`${file} imports ${target}`)
      }
    }
    assert.deepEqual(wrong, [])
  })
})
