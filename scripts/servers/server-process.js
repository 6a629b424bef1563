// One private server: starts it on free ports, knows when it is ready, stops it, and starts it again on the
// same ports and data. What is particular to a server is in postgres.js, rabbitmq.js and redis.js.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from './ports.js'
import { endFamily, endOrphans } from './processes.js'

const START_TIMEOUT = 60_000
const STOP_TIMEOUT = 15_000
const PORT_TAKEN = /address already in use|eaddrinuse|port_already_used|already a epmd running/i

/**
 * What a server is.
 *
 * @typedef {object} Definition
 * @property {string} name for messages
 * @property {string} folder where it keeps its files; its log goes there too
 * @property {number} portCount
 * @property {NodeJS.Signals} endSignal ends it at once when its data is no longer needed
 * @property {(signal: NodeJS.Signals) => NodeJS.Signals} [translate] the signal this server knows for a wish
 * @property {(ports: number[]) => { file: string, args: string[], env: NodeJS.ProcessEnv }} command
 * @property {(state: { pid: number, ports: number[], log: () => string }) => Promise<boolean>} isReady must
 *   be sure that it is this very process that answers, not another one that was faster to take the port
 */

export class ServerProcess {
  #definition
  #account
  #cleanup
  #child
  #logFile

  /** The ports it was given, kept for its whole life. */
  ports = []

  /**
   * @param {Definition} definition
   * @param {{ account?: import('./account.js').Account, cleanup: import('./cleanup.js').Cleanup }} context
   */
  constructor(definition, { account, cleanup }) {
    this.#definition = definition
    this.#account = account
    this.#cleanup = cleanup
    this.#logFile = join(definition.folder, 'server.log')
  }

  /** Undefined while it is stopped. */
  get pid() {
    return this.#child?.pid
  }

  async startOnFreePorts() {
    for (let attempt = 1; ; attempt++) {
      this.ports = await freePorts(this.#definition.portCount)
      try {
        return await this.start()
      } catch (error) {
        if (!error.portTaken || attempt === 5) throw error
      }
    }
  }

  async start() {
    if (this.#child) return
    const logStart = this.#logSize()
    const child = this.#spawn()
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const deadline = Date.now() + START_TIMEOUT
    const log = () => this.#logSince(logStart)
    while (!(await this.#definition.isReady({ pid: child.pid, ports: this.ports, log }))) {
      if (this.#child !== child) throw this.#failure('stopped while it was starting', log())
      if (Date.now() > deadline) {
        await endFamily(child.pid, 'SIGKILL', 0)
        throw this.#failure(`was not ready after ${START_TIMEOUT / 1000} seconds`, log())
      }
      await Promise.race([ended, sleep(25)])
    }
  }

  /**
   * @param {{ signal?: NodeJS.Signals }} [options] SIGTERM asks it to stop properly, SIGKILL is a crash
   */
  async stop({ signal = 'SIGTERM' } = {}) {
    const child = this.#child
    if (!child) return
    const ended = once(child, 'exit')
    child.ref()
    const { translate = (wish) => wish } = this.#definition
    await endFamily(child.pid, translate(signal), STOP_TIMEOUT)
    await ended
  }

  async restart(options) {
    await this.stop(options)
    await this.start()
  }

  #spawn() {
    this.#cleanup.refuseIfBegun()
    const { file, args, env } = this.#definition.command(this.ports)
    const log = openSync(this.#logFile, 'a')
    const child = spawn(file, args, {
      cwd: this.#definition.folder,
      env,
      detached: true, // its own session: a Ctrl-C in the terminal is not for it
      stdio: ['ignore', log, log],
      ...this.#account,
    })
    closeSync(log)
    this.#child = child
    child.once('error', () => (this.#child = undefined)) // the program could not be run at all
    if (child.pid === undefined) return child
    this.#cleanup.watch(child.pid, this.#definition.endSignal)
    child.once('exit', () => {
      this.#child = undefined
      endOrphans(child.pid)
      this.#cleanup.forget(child.pid)
    })
    child.unref() // a program with nothing left to do may end, and its servers with it
    return child
  }

  #logSize() {
    return statSync(this.#logFile, { throwIfNoEntry: false })?.size ?? 0
  }

  #logSince(start) {
    return readFileSync(this.#logFile).subarray(start).toString().trim()
  }

  #failure(what, log) {
    const tail = log.split('\n').slice(-30).join('\n')
    const error = new Error(`${this.#definition.name} ${what}. The end of its log:\n${tail || '(empty)'}`)
    error.portTaken = PORT_TAKEN.test(log)
    return error
  }
}
