// Makes sure that what was started is also removed, however this program ends. The work itself is done by a
// watchdog process (see watchdog.js); this is our end of the pipe to it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const WATCHDOG = fileURLToPath(new URL('watchdog.js', import.meta.url))

const open = new Set()

export class Cleanup {
  #watchdog
  #ended
  #folder
  #keep
  #begun = false

  /**
   * @param {string} folder removed at the end
   * @param {{ keep: boolean }} options `keep` leaves the folder in place
   */
  constructor(folder, { keep }) {
    this.#folder = folder
    this.#keep = keep
    this.#watchdog = spawn(process.execPath, [WATCHDOG, folder], {
      detached: true, // so that a Ctrl-C in the terminal does not reach it
      stdio: ['pipe', 'ignore', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' }, // a debugger or a test runner's hooks are not meant for it
    })
    this.#watchdog.stdin.on('error', () => {})
    // Neither the watchdog nor its pipe may keep a program running that has nothing left to do.
    this.#watchdog.unref()
    this.#watchdog.stdin.unref()
    this.#ended = once(this.#watchdog, 'exit')
    this.#send({ keepFolder: keep })
    register(this)
  }

  /** To be asked before anything is started: what starts after the end would stay for ever. */
  refuseIfBegun() {
    if (this.#begun) throw new Error('The servers have been stopped for good.')
  }

  /** From now on this process, leader of its own session, is ended with `signal` when we end. */
  watch(pid, signal) {
    this.#send({ watch: { pid, signal } })
  }

  /** The process has ended by itself; its number may soon belong to somebody else. */
  forget(pid) {
    this.#send({ forget: pid })
  }

  /** Runs a command after the servers have ended. */
  runAtEnd(program, args, env) {
    this.#send({ runAtEnd: [program, args, env] })
  }

  /** Ends everything now. */
  async run() {
    this.#begun = true
    this.#watchdog.ref()
    this.#watchdog.stdin.end()
    await this.#ended
    open.delete(this)
    if (open.size === 0) unregister()
  }

  /** The same from an exit handler, where nothing asynchronous happens any more. */
  runSync() {
    this.#watchdog.stdin.destroy()
    const clock = new Int32Array(new SharedArrayBuffer(4))
    for (let waited = 0; waited < 10_000 && !this.#keep && existsSync(this.#folder); waited += 20) {
      Atomics.wait(clock, 0, 0, 20)
    }
  }

  #send(order) {
    if (!this.#begun) this.#watchdog.stdin.write(`${JSON.stringify(order)}\n`)
  }
}

function register(cleanup) {
  if (open.size === 0) {
    process.on('exit', onExit)
    for (const signal of SIGNALS) process.on(signal, onSignal)
  }
  open.add(cleanup)
}

function unregister() {
  process.off('exit', onExit)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function onExit() {
  for (const cleanup of open) cleanup.runSync()
}

async function onSignal(signal) {
  // A program with a handler of its own still needs the servers to finish; its end will end them too.
  if (process.listenerCount(signal) > 1) return
  await Promise.all([...open].map((cleanup) => cleanup.run()))
  process.kill(process.pid, signal) // our handlers are gone: the program ends as if they had never been there
}
