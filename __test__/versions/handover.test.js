// Runs that version 2.0.0 began are ended by this version, and the other way round, whatever state they are in.
import { after, before, describe, it } from 'node:test'
import { Scene } from './support/scene.js'
import { skip } from './support/setting.js'
import { STATES } from './support/states.js'
import { openVersions } from './support/versions.js'

const AT_ONCE = 4

let versions
before(async () => {
  if (!skip) versions = await openVersions()
})
after(() => versions?.close())

const DIRECTIONS = {
  'begun by 2.0.0, ended by this version': ({ old, present }) => ({ from: old, to: present }),
  'begun by this version, ended by 2.0.0': ({ old, present }) => ({ from: present, to: old }),
}

for (const [direction, sides] of Object.entries(DIRECTIONS)) {
  for (const journal of [false, true]) {
    describe(`a run ${direction}, ${journal ? 'with a journal' : 'in two tables'}`, {
      concurrency: AT_ONCE,
      skip,
    }, () => {
      for (const [state, play] of Object.entries(STATES)) {
        it(state, async (t) => play(await Scene.open(t, { ...sides(versions), journal })))
      }
    })
  }
}
