// All that was measured, by shape, figure and contestant.

import { GOALS } from '../shapes.js'
import { summary } from '../support/statistics.js'

export class Results {
  #outcomes = new Map()

  constructor({ shapes, players, settings, rounds }) {
    Object.assign(this, { shapes, players, settings, rounds })
  }

  add(shape, player, outcome) {
    const key = `${shape.name} ${player.id}`
    this.#outcomes.set(key, [...(this.#outcomes.get(key) ?? []), outcome])
  }

  /** Every figure of every shape, in order: `cell(player)` is what is known of it. */
  rows() {
    return this.shapes.flatMap((shape) =>
      shape.figures.map((figure) => ({
        shape,
        figure,
        cell: (player) => this.#shown(shape, figure, player),
      })),
    )
  }

  #shown(shape, { key, relative }, player) {
    const cell = this.cell(shape.name, key, player.id)
    return cell && relative ? { ...cell, ratio: undefined } : cell
  }

  /** A summary, with `ratio` (ours by theirs) for everyone but ours; or why there is none; or undefined. */
  cell(shape, key, id) {
    const outcomes = this.#outcomes.get(`${shape} ${id}`) ?? []
    const own = summary(outcomes.map(({ report }) => report?.[key]))
    const error = outcomes.find((outcome) => outcome.error)?.error
    if (!own) return error && { error }
    const ours = id !== 'ours' && this.cell(shape, key, 'ours')?.median
    return {
      ...own,
      failures: outcomes.filter((outcome) => outcome.error).length,
      ratio: ours ? ours / own.median : undefined,
    }
  }

  /** Each goal whose figures are there, with what was reached. */
  goals() {
    return GOALS.map((goal) => {
      const median = (id) => this.cell(goal.shape, goal.key, id)?.median
      const own = median(goal.of ?? 'ours')
      const reached = goal.to && own !== undefined ? own / median(goal.to) : own
      const met = goal.atLeast === undefined ? reached <= goal.atMost : reached >= goal.atLeast
      const titleOf = (player) => this.players.find(({ id }) => id === player)?.title
      const unit = this.shapes
        .find(({ name }) => name === goal.shape)
        ?.figures.find(({ key }) => key === goal.key)?.unit
      return { ...goal, reached, met, title: titleOf(goal.to), owner: titleOf(goal.of), unit }
    }).filter(({ reached }) => Number.isFinite(reached))
  }
}

/** Three digits tell all that such measurements can. */
export function number(value) {
  if (value === 0) return '0'
  const rounded = Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 4 })
}

export function goalText({ owner, title, unit, atLeast, atMost }) {
  const bound = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`
  const goal = title ? `${bound} × ${title}` : `${bound} ${unit}`
  return owner ? `${goal} (${owner})` : goal
}
