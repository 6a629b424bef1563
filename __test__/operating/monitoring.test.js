// The dashboard and the alert rules that the package ships ask for metrics and labels that there are.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../dist/operating/instruments.js'
import { freshMemory } from '../memory/support.js'
import { counting } from '../testing/support.js'
import { served } from './support.js'

const fileOf = (name) => readFile(new URL(`../../monitoring/${name}`, import.meta.url), 'utf8')
const dashboard = JSON.parse(await fileOf('grafana-dashboard.json'))
const { groups } = parse(await fileOf('prometheus-rules.yml'))

const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])])
const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
const alerts = groups.flatMap(({ rules }) => rules).map(({ expr }) => expr)

/** What may be asked for, and by which labels. */
const labels = new Map(
  [COUNTERS, HISTOGRAMS, GAUGES].flatMap((instruments) =>
    Object.values(instruments).flatMap((instrument) => {
      const parts = Object.values(HISTOGRAMS).includes(instrument) ? ['_bucket', '_sum', '_count'] : ['']
      return parts.map((part) => [`${instrument.name}${part}`, instrument.labels])
    }),
  ),
)
const metricsIn = (expr) => [...expr.matchAll(/\bflowcraft_\w+/g)].map(([name]) => name)

describe('the dashboard of Grafana', () => {
  it('has panels that stand apart, each with an id of its own', () => {
    assert.ok(panels.length > 20)
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    for (const [index, { gridPos: one, title }] of panels.entries()) {
      for (const { gridPos: other, title: beside } of panels.slice(index + 1)) {
        const apart =
          one.x + one.w <= other.x ||
          other.x + other.w <= one.x ||
          one.y + one.h <= other.y ||
          other.y + other.h <= one.y
        assert.ok(apart, `${title} and ${beside}`)
      }
    }
  })

  it('lets its reader choose blueprints and queues', () => {
    const variables = dashboard.templating.list.filter(({ type }) => type === 'query')
    for (const { name, definition } of variables) {
      const [metric] = metricsIn(definition)
      assert.ok(labels.get(metric)?.includes(name), definition)
    }
  })
})

describe('what the dashboard and the alert rules ask for', () => {
  for (const expr of [...asked, ...alerts]) {
    it(`is there: ${expr.trim().slice(0, 100)}`, () => {
      const names = metricsIn(expr)
      assert.ok(names.length > 0)
      for (const name of names) assert.ok(labels.has(name), name)
      const known = new Set([...names.flatMap((name) => labels.get(name)), 'le'])
      const selected = [...expr.matchAll(/\{(.*?)\}/g)].flatMap(([, inside]) => [
        ...inside.matchAll(/(\w+)(?:=~|!~|!=|=)/g),
      ])
      const grouped = [...expr.matchAll(/\bby \((.*?)\)/g)].flatMap(([, inside]) =>
        inside.split(',').map((name) => [name, name.trim()]),
      )
      for (const [, label] of [...selected, ...grouped]) assert.ok(known.has(label), label)
    })
  }

  it('is all that the handler tells, and the other way round', async (t) => {
    const { worker } = freshMemory(t)
    const adapter = worker(counting)
    const ask = await served(t, adapter.metricsHandler())
    const text = await (await ask('/metrics')).text()
    const told = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
    const used = new Set(
      [...asked, ...alerts].flatMap(metricsIn).map((name) => name.replace(/_(bucket|sum|count)$/, '')),
    )
    assert.deepEqual(
      [...used].filter((name) => !told.includes(name)),
      [],
    )
    assert.deepEqual(
      told.filter((name) => !used.has(name)),
      [],
    )
  })
})
