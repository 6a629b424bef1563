// `npm run bench [shape…] [-- --runs n --peers id,id --build dist|release --quick]`: measures this package and its peers in turn on the same
// servers, prints one table, and writes RESULTS.md and the chart of the README.
import { parseArgs } from 'node:util'
import { prepare } from '../scripts/prepare.js'
import { publishedAddonOf200, version200 } from '../scripts/version-2-0-0.js'
import { CONTESTANTS, packagesOf, WHERE_NAMED } from './contestants/index.js'
import { buildBareLoop, buildPublishedAddon, installPeers } from './install.js'
import { SHAPES } from './shapes.js'

/** The profiles of the addon: as it is published, and as the tests have it, which is there already. */
const BUILDS = ['dist', 'release']

const log = (line = '') => console.log(line)

try {
  const wishes = wanted(process.argv.slice(2))
  await prepare({ log })
  if (packagesOf(wishes.contestants).length > 0) await installPeers(log)
  const published = wishes.build === 'dist'
  // The loader of the addon looks here first.
  if (published) process.env.NAPI_RS_NATIVE_LIBRARY_PATH = await buildPublishedAddon(log)
  if (wishes.contestants.includes('2.0.0')) {
    process.env.VERSION_2_0_0 = (await version200({ log })).entry
    if (published) process.env.ADDON_2_0_0 = await publishedAddonOf200({ log })
  }
  if (wishes.contestants.includes('bare')) process.env.BARE_LOOP = await buildBareLoop(log)
  // Only now are the packages there that it imports.
  const { bench } = await import('./bench.js')
  await bench({ ...wishes, log })
} catch (error) {
  console.error(`\n${error.message}`)
  process.exitCode = 1
}

function wanted(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runs: { type: 'string' },
      peers: { type: 'string' },
      build: { type: 'string', default: 'dist' },
      quick: { type: 'boolean', default: false },
    },
  })
  const peers = values.peers === undefined ? CONTESTANTS : values.peers.split(',').filter(Boolean)
  if (!BUILDS.includes(values.build)) throw new Error(`--build takes one of: ${BUILDS.join(', ')}`)
  return {
    shapes: pick(SHAPES, (shape) => shape.name, positionals, 'shape'),
    contestants: pick([...CONTESTANTS, ...WHERE_NAMED], (id) => id, ['ours', ...peers], 'peer'),
    rounds: values.quick ? 1 : atLeastOne(values.runs ?? '5'),
    build: values.build,
    // Quick: to see that everything works; its figures are worth nothing.
    quick: values.quick,
  }
}

/** Those named, in their own order; all of them, if none is. */
function pick(all, nameOf, names, kind) {
  const known = all.map(nameOf)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`There is no ${kind} '${unknown[0]}'; there are: ${known.join(', ')}`)
  return names.length === 0 ? all : all.filter((each) => names.includes(nameOf(each)))
}

function atLeastOne(text) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error('--runs takes a whole number from 1')
  return number
}
