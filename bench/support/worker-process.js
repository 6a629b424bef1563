// A worker in a process of its own. It is asked questions in lines of JSON on its standard input and answers on its
// standard output; when its input closes, it ends. What it costs is read from the operating system.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const START_TIMEOUT = 60_000
const STOP_TIMEOUT = 10_000
const LAST_WORDS = 2_000
/** Milliseconds in a clock tick of /proc, on every Linux. */
const TICK = 10

export class WorkerProcess {
  #child
  #answers = []
  #said = ''
  #ended

  /** @param {{ file: string, args: string[] }} command */
  constructor({ file, args }, settings) {
    const env = { ...process.env, NODE_ENV: 'production', CONTEST: JSON.stringify(settings) }
    this.#child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr.setEncoding('utf8').on('data', (text) => this.#hear(text))
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#line(line))
    this.#child.stdin.on('error', () => {}) // its end is told below
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(`could not be started: ${error.message}`))
      this.#child.once('close', (code, signal) => resolve(`ended (${signal ?? `exit code ${code}`}): ${this.#said}`))
    }).then((why) => {
      this.ended = why
      for (const { reject } of this.#answers.splice(0)) reject(new Error(`The worker ${why}`))
    })
  }

  /** Waits until it takes jobs. */
  async ready() {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), START_TIMEOUT)
    await this.#answer()
    clearTimeout(timer)
  }

  /** Asks, and waits for the answer. Answers come in the order of the questions. */
  ask(question, more = {}) {
    const answer = this.#answer()
    this.#child.stdin.write(`${JSON.stringify({ ask: question, ...more })}\n`)
    return answer
  }

  /** What it has used so far, or nothing where the system does not tell. */
  meter() {
    try {
      const proc = (path) => readFileSync(`/proc/${this.#child.pid}/${path}`, 'utf8')
      const stat = proc('stat')
        .slice(proc('stat').lastIndexOf(')') + 2)
        .split(' ')
      const [, rss] = proc('status').match(/^VmRSS:\s+(\d+)/m)
      const [, peak] = proc('status').match(/^VmHWM:\s+(\d+)/m)
      return {
        cpuMs: (Number(stat[11]) + Number(stat[12])) * TICK,
        mainThreadMs: Number(proc(`task/${this.#child.pid}/schedstat`).split(' ')[0]) / 1e6,
        rssMb: Number(rss) / 1024,
        maxRssMb: Number(peak) / 1024,
      }
    } catch {
      return undefined
    }
  }

  async stop() {
    if (this.ended) return
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT)
    await this.#ended
    clearTimeout(timer)
  }

  #answer() {
    if (this.ended) return Promise.reject(new Error(`The worker ${this.ended}`))
    return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }))
  }

  #line(line) {
    if (!line.startsWith('{"answer":')) return this.#hear(`${line}\n`)
    const { answer, error } = JSON.parse(line)
    const waiting = this.#answers.shift()
    if (error) waiting?.reject(new Error(error))
    else waiting?.resolve(answer)
  }

  #hear(text) {
    this.#said = `${this.#said}${text}`.slice(-LAST_WORDS)
  }
}

/** A worker written in JavaScript. */
export function nodeWorker(url, args = []) {
  return { file: process.execPath, args: [fileURLToPath(url), ...args] }
}
