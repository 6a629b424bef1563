// What is measured: the loads, and the figures taken from them. The sizes are those of a whole run; a contestant that
// is slower by orders takes a share of the runs, since what counts is the cost a job.

const CHAIN = { kind: 'chain', size: 10 }
const rate = { key: 'jobsPerSecond', unit: 'jobs/s' }
const times = (title) => ({ key: 'costRatio', unit: `× ${title}`, relative: true })
const growth = { key: 'growth', unit: '× last 100 to first 100', relative: true }

/**
 * @typedef {object} Load
 * @property {import('./flows.js').Flow} flow
 * @property {number} runs in flight at once, unless `oneByOne`
 * @property {number} [repeat] how often, one after another; default 1
 * @property {boolean} [oneByOne] each run begins when the one before has ended
 * @property {number} [contextBytes] the size of a value in the context that no node touches
 *
 * @typedef {object} Shape
 * @property {string} name
 * @property {string} title
 * @property {Load} load
 * @property {'start-many' | 'wait'} [call] what an application calls, in place of a load of jobs
 * @property {Load} [base] run before it in the same process: what the load's cost a job is compared with
 * @property {number} [history] finished runs put into the tables between the two
 * @property {object} [setting] everyone's setting, in place of the one that suits each best
 * @property {string[]} [only] the contestants it is for
 * @property {{ key: string, unit: string, relative?: boolean }[]} figures `relative`: already a ratio of its own
 */

/** @type {Shape[]} */
export const SHAPES = [
  {
    name: 'chains',
    title: '200 ten-node chains in flight',
    load: { flow: CHAIN, runs: 200, repeat: 10 },
    figures: [rate],
  },
  {
    name: 'history',
    title: '200 ten-node chains in flight whose outputs have 100 bytes',
    load: { flow: { ...CHAIN, bytes: 100 }, runs: 200, repeat: 10 },
    only: ['ours', 'history'],
    figures: [rate],
  },
  {
    name: 'fan-20',
    title: '50 runs: 20 wide, `all` join',
    load: { flow: { kind: 'fan', size: 20 }, runs: 50, repeat: 3 },
    figures: [rate],
  },
  {
    name: 'fan-200',
    title: '8 runs: 200 wide, `all` join',
    load: { flow: { kind: 'fan', size: 200 }, runs: 8, repeat: 3 },
    figures: [rate],
  },
  {
    name: 'lone',
    title: 'one ten-node chain alone',
    load: { flow: { ...CHAIN, marks: true }, runs: 100, oneByOne: true },
    figures: [{ key: 'perHopMs', unit: 'ms a hop' }],
  },
  {
    name: 'context-100k',
    title: 'chains, 100 KB in the context that no node touches',
    base: { flow: CHAIN, runs: 200 },
    load: { flow: CHAIN, runs: 200, contextBytes: 100_000 },
    figures: [rate, times('an empty context')],
  },
  {
    name: 'context-1m',
    title: 'chains, 1 MB in the context that no node touches',
    base: { flow: CHAIN, runs: 100 },
    load: { flow: CHAIN, runs: 100, contextBytes: 1_000_000 },
    figures: [rate, times('an empty context')],
  },
  {
    name: 'long-chain',
    title: 'one run of 1,000 nodes, a chain',
    load: { flow: { kind: 'chain', size: 1000, marks: true }, runs: 1, repeat: 3 },
    figures: [rate, growth],
  },
  {
    name: 'wide-run',
    title: 'one run of 1,000 nodes, a fan',
    load: { flow: { kind: 'fan', size: 998, marks: true }, runs: 1 },
    figures: [rate, growth],
  },
  {
    name: 'full-tables',
    title: 'chains, beside 100,000 finished runs',
    base: { flow: CHAIN, runs: 200, repeat: 3 },
    load: { flow: CHAIN, runs: 200, repeat: 3 },
    history: 100_000,
    only: ['ours', 'rows', 'bare', 'version-1'],
    figures: [
      rate,
      times('empty tables'),
      { key: 'reconcilerMs', unit: "ms, the reconciler's queries" },
      { key: 'repairMs', unit: "ms, the repair's slowest query" },
    ],
  },
  {
    name: 'defaults',
    title: '200 ten-node chains in flight, everyone as installed: no option is set',
    load: { flow: CHAIN, runs: 200, repeat: 5 },
    setting: {},
    only: ['ours', 'rows', '2.0.0', 'bullmq', 'dbos'],
    figures: [rate],
  },
  {
    name: 'waiting',
    title: '1,000 ten-node chains whose nodes wait 100 ms, `concurrency` 500: 5,000 jobs/s at most',
    load: { flow: { ...CHAIN, waitMs: 100 }, runs: 1000 },
    setting: { concurrency: 500 },
    only: ['ours', 'rows', '2.0.0'],
    figures: [rate],
  },
  {
    name: 'start-many',
    title: '5,000 runs in one call: `startMany`, BullMQ `addBulk`, pg-boss `insert`',
    call: 'start-many',
    load: { runs: 5000, repeat: 5 },
    only: ['ours', 'bullmq', 'pg-boss'],
    figures: [{ key: 'startsPerSecond', unit: 'starts/s' }],
  },
  {
    name: 'wait',
    title:
      'a run of one node and its result, one after the other: from the transaction of its end to the answer of `result()`',
    call: 'wait',
    load: { runs: 200 },
    only: ['ours'],
    figures: [{ key: 'waitMs', unit: 'ms to the waiter' }],
  },
  {
    name: 'cpu',
    title: '1,000 ten-node chains in flight: what the worker needs',
    // Several times: at first every JavaScript worker's memory grows.
    load: { flow: CHAIN, runs: 1000, repeat: 3 },
    figures: [
      rate,
      { key: 'mainThreadMsPerJob', unit: 'ms CPU of the main thread a job' },
      { key: 'loopMsPerJob', unit: 'ms the event loop is busy a job' },
      { key: 'cpuMsPerJob', unit: 'ms CPU of the process a job' },
      { key: 'maxRssMb', unit: 'MB at most' },
      { key: 'rssGrowthMb', unit: 'MB more at the end than half-way' },
    ],
  },
]

/**
 * What is to be reached: a ratio by another's figure, or a figure by itself. It is this package's on migrated tables, where
 * `of` names nobody else.
 */
export const GOALS = [
  { shape: 'chains', key: 'jobsPerSecond', to: 'bullmq-raised', atLeast: 2.5 },
  { shape: 'chains', key: 'jobsPerSecond', to: 'bullmq', atLeast: 4 },
  { shape: 'chains', key: 'jobsPerSecond', to: 'dbos', atLeast: 7 },
  { shape: 'chains', key: 'jobsPerSecond', to: 'bare', atLeast: 1 },
  { shape: 'history', key: 'jobsPerSecond', of: 'history', to: 'ours', atLeast: 0.95 },
  { shape: 'fan-20', key: 'jobsPerSecond', to: 'bullmq-raised', atLeast: 2.5 },
  { shape: 'fan-200', key: 'jobsPerSecond', to: 'bullmq-raised', atLeast: 5 },
  { shape: 'lone', key: 'perHopMs', to: 'bullmq', atMost: 0.5 },
  { shape: 'lone', key: 'perHopMs', to: 'dbos', atMost: 0.4 },
  { shape: 'lone', key: 'perHopMs', to: 'bare', atMost: 0.55 },
  { shape: 'long-chain', key: 'jobsPerSecond', to: 'dbos', atLeast: 1.8 },
  { shape: 'long-chain', key: 'jobsPerSecond', of: 'rows', to: 'dbos', atLeast: 0.7 },
  { shape: 'long-chain', key: 'growth', of: 'rows', atMost: 2 },
  { shape: 'long-chain', key: 'growth', atMost: 1.3 },
  { shape: 'wide-run', key: 'growth', atMost: 1.3 },
  { shape: 'context-100k', key: 'jobsPerSecond', to: 'bullmq', atLeast: 2.5 },
  { shape: 'context-100k', key: 'jobsPerSecond', to: 'dbos', atLeast: 2.5 },
  { shape: 'context-100k', key: 'jobsPerSecond', of: 'rows', to: 'bullmq', atLeast: 1 },
  { shape: 'context-100k', key: 'jobsPerSecond', of: 'rows', to: 'dbos', atLeast: 1 },
  { shape: 'context-1m', key: 'jobsPerSecond', to: 'bullmq', atLeast: 1.5 },
  { shape: 'context-1m', key: 'jobsPerSecond', to: 'dbos', atLeast: 1.5 },
  { shape: 'defaults', key: 'jobsPerSecond', to: 'bullmq', atLeast: 2.5 },
  { shape: 'defaults', key: 'jobsPerSecond', to: 'dbos', atLeast: 2.5 },
  { shape: 'waiting', key: 'jobsPerSecond', atLeast: 4750 },
  { shape: 'full-tables', key: 'costRatio', atMost: 1.05 },
  { shape: 'full-tables', key: 'reconcilerMs', atMost: 10 },
  { shape: 'full-tables', key: 'repairMs', atMost: 10 },
  { shape: 'start-many', key: 'startsPerSecond', to: 'bullmq', atLeast: 1 },
  { shape: 'start-many', key: 'startsPerSecond', to: 'pg-boss', atLeast: 3 },
  { shape: 'wait', key: 'waitMs', atMost: 10 },
  { shape: 'cpu', key: 'mainThreadMsPerJob', atMost: 0.015 },
  { shape: 'cpu', key: 'cpuMsPerJob', atMost: 0.06 },
  { shape: 'cpu', key: 'maxRssMb', atMost: 120 },
]
