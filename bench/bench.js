// The rounds: of every shape, each contestant in turn, then each again. What else the machine does meanwhile thus
// meets all of them alike.
import { writeFile } from 'node:fs/promises'
import { startServers } from '../scripts/servers/index.js'
import { CONTESTANTS, contestant, packagesOf } from './contestants/index.js'
import { chart } from './report/chart.js'
import { markdown } from './report/markdown.js'
import { number, Results } from './report/results.js'
import { text } from './report/text.js'
import { SHAPES } from './shapes.js'
import { machine } from './support/machine.js'
import { takeTurn } from './support/turn.js'

const RESULTS = new URL('RESULTS.md', import.meta.url)
const CHART = new URL('../docs/bench.svg', import.meta.url)
const QUICK = 0.1

export async function bench({ shapes, contestants, rounds, build, quick, log }) {
  const servers = await startServers({ log })
  const scale = quick ? QUICK : 1
  try {
    const players = await Promise.all(contestants.map(contestant))
    const about = await machine(servers.urls, packagesOf(contestants))
    log(`\n${about.join('\n')}\n`)
    const settings = await chooseSettings(players, { quick, urls: servers.urls, log })
    const results = new Results({ shapes, players, settings, rounds })
    for (const shape of shapes) {
      for (let round = 1; round <= rounds; round++) {
        for (const player of players.filter((each) => takesPart(each, shape, round))) {
          const outcome = await takeTurn({
            id: player.id,
            shape,
            setting: shape.setting ?? settings[player.id],
            scale,
            urls: servers.urls,
          })
          results.add(shape, player, outcome)
          log(progress(shape, round, player, outcome))
        }
      }
    }
    log(`\n${text(results)}`)
    // Parts, quick looks and what is not published do not replace the whole.
    const published = build === 'dist' && contestants.every((id) => CONTESTANTS.includes(id))
    const whole = !quick && published && shapes.length === SHAPES.length
    if (whole) {
      await writeFile(RESULTS, markdown(results, about))
      await writeFile(CHART, chart(results))
      log('Written: bench/RESULTS.md, docs/bench.svg')
    }
    return results
  } finally {
    await servers.stop()
  }
}

function takesPart({ id, shapes, once = false }, { name, only }, round) {
  return (!only || only.includes(id)) && (!shapes || shapes.includes(name)) && (round === 1 || !once)
}

/** Everyone is measured with the setting that suits it best among a few, by one run of chains each. */
async function chooseSettings(players, { quick, urls, log }) {
  const shape = SHAPES.find(({ name }) => name === 'chains')
  const chosen = {}
  for (const { id, title, settings, settingOf } of players) {
    if (settingOf || settings.length === 1) {
      chosen[id] = settingOf ? chosen[settingOf] : settings[0]
      continue
    }
    let best
    const tried = []
    for (const setting of quick ? [settings[1] ?? settings[0]] : settings) {
      const { report, error } = quick ? {} : await takeTurn({ id, shape, setting, scale: 0.5, urls })
      const rate = report?.jobsPerSecond ?? 0
      tried.push(`${told(setting)}: ${error ? 'failed' : `${Math.round(rate)} jobs/s`}`)
      if (!best || rate > best.rate) best = { setting, rate }
    }
    chosen[id] = best.setting
    if (!quick) log(`${title}: takes ${told(best.setting)} (${tried.join(', ')})`)
  }
  return chosen
}

function told(setting) {
  return Object.entries(setting)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

function progress(shape, round, player, { report, error }) {
  const figures = shape.figures
    .filter(({ key }) => Number.isFinite(report?.[key]))
    .map(({ key, unit }) => `${number(report[key])} ${unit}`)
  return `${shape.name}, round ${round}, ${player.title}: ${error ? `failed. ${error}` : figures.join('; ')}`
}
