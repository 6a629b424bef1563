// `npm run bench [shape…] [-- --runs n --peers id,id --quick]`: measures this package and its peers in turn on the same
// servers, prints one table, and writes RESULTS.md and the chart of the README.
import { parseArgs } from 'node:util'
import { prepare } from '../scripts/prepare.js'
import { CONTESTANTS } from './contestants/index.js'
import { buildBareLoop, buildPublishedAddon, installPeers } from './install.js'
import { SHAPES } from './shapes.js'

const log = (line = '') => console.log(line)

try {
  const wishes = wanted(process.argv.slice(2))
  await prepare({ log })
  await installPeers(log)
  // The loader of the addon looks here first.
  process.env.NAPI_RS_NATIVE_LIBRARY_PATH = await buildPublishedAddon(log)
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
    options: { runs: { type: 'string' }, peers: { type: 'string' }, quick: { type: 'boolean', default: false } },
  })
  const peers = values.peers === undefined ? CONTESTANTS : values.peers.split(',').filter(Boolean)
  return {
    shapes: pick(SHAPES, (shape) => shape.name, positionals, 'shape'),
    contestants: pick(CONTESTANTS, (id) => id, ['ours', ...peers], 'peer'),
    rounds: values.quick ? 1 : atLeastOne(values.runs ?? '5'),
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
