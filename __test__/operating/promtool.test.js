// Prometheus' own program reads what we ship: the rules, what the dashboard asks for, and what a worker answers.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { findPromtool } from '../../scripts/testing/promtool.js'
import { freshMemory } from '../memory/support.js'
import { counting } from '../testing/support.js'
import { served } from './support.js'

const PROMTOOL = findPromtool()
const NEEDED = {
  skip: PROMTOOL ? false : 'there is no promtool: apt-get install prometheus, or name one in FLOWCRAFT_PROMTOOL',
}

const RULES = fileURLToPath(new URL('../../monitoring/prometheus-rules.yml', import.meta.url))
const dashboard = JSON.parse(
  await readFile(new URL('../../monitoring/grafana-dashboard.json', import.meta.url), 'utf8'),
)
const { groups } = parse(await readFile(RULES, 'utf8'))
const rules = new Map(groups.flatMap((group) => group.rules).map((rule) => [rule.alert, rule]))

let folder
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowcraft-promtool-'))
})
after(() => rm(folder, { recursive: true }))

/** Runs promtool, which has to be content. */
function promtool(args, input) {
  const { status, stdout, stderr } = spawnSync(PROMTOOL, args, {
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  })
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout
}

async function yamlFile(name, content) {
  const path = join(folder, name)
  await writeFile(path, stringify(content))
  return path
}

const minutes = (duration) => Number.parseInt(duration ?? '0', 10)

/**
 * Of each alert: series that have it fire, and the labels that it then has; and series that are as they should be. A series
 * grows or stays as Prometheus' notation says, a value a minute.
 */
const FIRE = {
  FlowcraftWorkerNotReady: {
    bad: { 'flowcraft_worker_ready{instance="a"}': '0x60' },
    good: { 'flowcraft_worker_ready{instance="a"}': '1x60' },
    labels: { instance: 'a' },
  },
  FlowcraftWorkerNotLive: {
    bad: { 'flowcraft_worker_live{instance="a"}': '0x60' },
    good: { 'flowcraft_worker_live{instance="a"}': '1x60' },
    labels: { instance: 'a' },
  },
  FlowcraftNobodyWorksQueue: {
    bad: { 'flowcraft_queue_consumers{queue="q",instance="a"}': '0x60' },
    // One worker looked before the other had come.
    good: {
      'flowcraft_queue_consumers{queue="q",instance="a"}': '0x60',
      'flowcraft_queue_consumers{queue="q",instance="b"}': '1x60',
    },
    labels: { queue: 'q' },
  },
  FlowcraftJobsWait: {
    bad: { 'flowcraft_queue_oldest_age_seconds{queue="q"}': '301x60' },
    good: { 'flowcraft_queue_oldest_age_seconds{queue="q"}': '299x60' },
    labels: { queue: 'q' },
  },
  FlowcraftWaitIsLong: {
    bad: {
      'flowcraft_job_wait_seconds_bucket{queue="q",le="60"}': '0+90x60',
      'flowcraft_job_wait_seconds_bucket{queue="q",le="120"}': '0+100x60',
      'flowcraft_job_wait_seconds_bucket{queue="q",le="+Inf"}': '0+100x60',
    },
    good: {
      'flowcraft_job_wait_seconds_bucket{queue="q",le="60"}': '0+96x60',
      'flowcraft_job_wait_seconds_bucket{queue="q",le="120"}': '0+100x60',
      'flowcraft_job_wait_seconds_bucket{queue="q",le="+Inf"}': '0+100x60',
    },
    labels: { queue: 'q' },
  },
  FlowcraftRunsFail: {
    bad: {
      'flowcraft_runs_ended_total{blueprint="b",queue="q",status="failed"}': '0+2x60',
      'flowcraft_runs_ended_total{blueprint="b",queue="q",status="completed"}': '0+10x60',
    },
    good: {
      'flowcraft_runs_ended_total{blueprint="b",queue="q",status="failed"}': '0+1x60',
      'flowcraft_runs_ended_total{blueprint="b",queue="q",status="completed"}': '0+10x60',
    },
    labels: { blueprint: 'b' },
  },
  FlowcraftDeadLetters: {
    bad: { 'flowcraft_dead_letters_total{queue="q"}': '0x50 1x10' },
    good: { 'flowcraft_dead_letters_total{queue="q"}': '3x60' },
    labels: { queue: 'q' },
  },
  FlowcraftJobsAreLost: {
    bad: { 'flowcraft_jobs_republished_total{blueprint="b",queue="q"}': '0+1x60' },
    good: { 'flowcraft_jobs_republished_total{blueprint="b",queue="q"}': '0x50 9x10' },
    labels: { queue: 'q' },
  },
  FlowcraftCommitsAreSlow: {
    bad: {
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="1"}': '0+90x60',
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="2.5"}': '0+100x60',
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="+Inf"}': '0+100x60',
    },
    good: {
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="1"}': '0+96x60',
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="2.5"}': '0+100x60',
      'flowcraft_commit_duration_seconds_bucket{blueprint="b",le="+Inf"}': '0+100x60',
    },
    labels: {},
  },
}

/** A test of promtool: an alert after an hour of series, with the labels that it has if it fires. */
function ruleTest(alert, series, labels) {
  const rule = rules.get(alert)
  // The text that it comes with is checked to be text; its figures are those of the series.
  const expected = labels && [{ exp_labels: { ...rule.labels, ...labels }, exp_annotations: undefined }]
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { eval_time: `${Math.max(55, minutes(rule.for))}m`, alertname: alert, exp_alerts: expected ?? [] },
    ],
  }
}

/** The rules without what they say, which promtool would want to be told word by word. */
async function bareRules() {
  const bare = groups.map((group) => ({ ...group, rules: group.rules.map(({ annotations: _, ...rule }) => rule) }))
  return yamlFile('rules.yml', { groups: bare })
}

describe('the alert rules', () => {
  it('are rules of Prometheus', NEEDED, () => {
    assert.match(promtool(['check', 'rules', RULES]), new RegExp(`SUCCESS: ${rules.size} rules found`))
  })

  it('are tested each', () => assert.deepEqual(Object.keys(FIRE), [...rules.keys()]))

  for (const [alert, { bad, good, labels }] of Object.entries(FIRE)) {
    it(`fire when they should, and only then: ${alert}`, NEEDED, async () => {
      const tests = [ruleTest(alert, bad, labels), ruleTest(alert, good)]
      promtool(['test', 'rules', await yamlFile(`${alert}.yml`, { rule_files: [await bareRules()], tests })])
    })
  }
})

describe('the dashboard of Grafana', () => {
  it('asks in words of Prometheus', NEEDED, async () => {
    const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])])
    // What Grafana fills in before it asks.
    const asked = panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')),
    )
    const recorded = asked.map((expr, index) => ({ record: `panel:${index}`, expr }))
    const file = await yamlFile('panels.yml', { groups: [{ name: 'panels', rules: recorded }] })
    assert.match(promtool(['check', 'rules', file]), new RegExp(`SUCCESS: ${asked.length} rules found`))
  })
})

describe('what a worker answers', () => {
  it('is what Prometheus reads, and named as it advises', NEEDED, async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const ask = await served(t, worker(counting).metricsHandler())
    begin('r', 'counting', 'first')
    await settled('r')
    promtool(['check', 'metrics'], await (await ask('/metrics')).text())
  })
})
