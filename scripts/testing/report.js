// What came of the checks and tests: counts what passed and failed, and keeps the time of each part.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { repository, run } from './run.js'
import { together } from './together.js'

/** For all files of tests together: far more than they take on a slow machine. */
const LONGEST_SECONDS = 2700
/**
 * Files of tests at a time. They wait for servers, leases and timers more than they work, and some are about time: more of them
 * at once make those fail on two cores.
 */
const FILES_AT_A_TIME = 3

const log = (line) => console.log(line)
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(1)} s`

export class Report {
  #passed = 0
  #failed = 0
  #parts = []
  #files = []
  #begun = performance.now()

  /** Does one part of the work, and keeps how long it took. */
  async part(name, work) {
    const begun = performance.now()
    try {
      return await work()
    } finally {
      this.#parts.push([name, performance.now() - begun])
    }
  }

  /** One check that either holds or does not; its output is shown only when it does not. */
  async check(name, command, args, options) {
    const begun = performance.now()
    const { ok, printed } = await run(command, args, options)
    this.#count(ok ? { passed: 1 } : { failed: 1 })
    log(`${ok ? '✔' : '✖'} ${name} (${seconds(performance.now() - begun)})`)
    if (!ok) log(printed.trimEnd())
  }

  /** Rust tests, counted from the lines their runner closes with. */
  async rust(name, args, { env } = {}) {
    const begun = performance.now()
    const { ok, printed } = await run('cargo', ['test', '--quiet', ...args], { env })
    const results = [...printed.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)]
    const passed = results.reduce((sum, [, count]) => sum + Number(count), 0)
    const failed = results.reduce((sum, [, , count]) => sum + Number(count), 0)
    // A test that does not compile, or that takes the process down, has no such line.
    this.#count({ passed, failed: failed + (ok || failed > 0 ? 0 : 1) })
    log(`${ok ? '✔' : '✖'} ${name}: ${passed} passed, ${failed} failed (${seconds(performance.now() - begun)})`)
    if (!ok) log(printed.trimEnd())
  }

  /** Files of tests, by Node's runner; those that may share a process do so if they are to be `shared`. */
  async files(files, { env, atATime = FILES_AT_A_TIME, shared = false }) {
    const folder = await mkdtemp(join(tmpdir(), 'flowcraft-test-'))
    const summary = join(folder, 'summary.json')
    const times = join(folder, 'times.jsonl')
    const runner = ['--test', `--test-concurrency=${atATime}`, '--import', './scripts/testing/file-clock.js']
    const reporters = [
      ['--test-reporter', 'spec', '--test-reporter-destination', 'stdout'],
      ['--test-reporter', './scripts/testing/summary.js', '--test-reporter-destination', summary],
    ].flat()
    try {
      const processes = shared ? await together(files, folder) : files
      const { ok } = await run(process.execPath, [...runner, ...reporters, ...processes], {
        env: { ...env, FLOWCRAFT_TEST: '1', FLOWCRAFT_TEST_TIMES: times },
        show: true,
        limit: LONGEST_SECONDS,
      })
      // A run that was killed leaves no summary.
      const { passed, failed } = JSON.parse(
        (await readFile(summary, 'utf8').catch(() => '')) || '{"passed":0,"failed":0}',
      )
      this.#count({ passed, failed: failed + (ok || failed > 0 ? 0 : 1) })
      const lines = (await readFile(times, 'utf8').catch(() => '')).split('\n').filter(Boolean)
      this.#files.push(...lines.map((line) => JSON.parse(line)))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  #count({ passed = 0, failed = 0 }) {
    this.#passed += passed
    this.#failed += failed
  }

  /** Says where the time went, what was left out, and what came of it all; the process ends accordingly. */
  close({ leftOut = [], all = 'FLOWCRAFT_LONG=1 npm test' } = {}) {
    const slowest = this.#files.sort((one, other) => other.seconds - one.seconds).slice(0, 10)
    if (slowest.length > 1) log('The slowest files:')
    if (slowest.length > 1) {
      for (const { file, seconds } of slowest) log(`${seconds.toFixed(1).padStart(7)} s  ${relative(repository, file)}`)
    }
    log(this.#parts.map(([name, took]) => `${name}: ${seconds(took)}`).join(', '))
    if (leftOut.length > 0) {
      log(`${leftOut.length} files that take long were left out; ${all} runs them too.`)
    }
    log(`All of it took ${seconds(performance.now() - this.#begun)}.`)
    // Alone on its line: what reads the output of tests looks for it.
    log(`${this.#passed} passed, ${this.#failed} failed`)
    process.exitCode = this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}
