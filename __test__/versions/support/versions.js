// The two versions, each as a folder of programs: whatever these import is the version whose package they stand in. So
// the programs for version 2.0.0 are copied into its package.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { version200 } from '../../../scripts/version-2-0-0.js'
import { WorkerProcess } from '../../fixtures/worker-process.js'

const TESTS = fileURLToPath(new URL('../..', import.meta.url))

/** Opens both: `{ old, present, close }`. */
export async function openVersions() {
  assert.equal(process.env.NAPI_RS_NATIVE_LIBRARY_PATH, undefined, 'each version loads its own addon')
  const { folder, entry } = await version200({ log: (line) => console.log(`# ${line}`) })
  const copy = mkdtempSync(join(folder, 'tests-'))
  cpSync(TESTS, copy, { recursive: true })
  const old = new Version('2.0.0', pathToFileURL(`${copy}/`))
  const present = new Version('this version', pathToFileURL(TESTS))
  assert.equal(await old.call({}, 'home'), entry)
  assert.equal(await present.call({}, 'home'), import.meta.resolve('@flowcraft/rabbitmq-adapter'))
  return {
    old,
    present,
    async close() {
      await Promise.all([old.close(), present.close()])
      rmSync(copy, { recursive: true, force: true })
    },
  }
}

class Version {
  #programs
  #client

  constructor(name, tests) {
    this.name = name
    this.#programs = new URL('versions/support/', tests)
  }

  worker(settings) {
    return new WorkerProcess(new URL('worker.js', this.#programs), { name: `${settings.name}, ${this.name}`, settings })
  }

  /** Calls a method of an adapter that is not started, in the one process this version has for it. */
  call(settings, method, ...args) {
    this.#client ??= new Client(new URL('client.js', this.#programs))
    return this.#client.call(settings, method, args)
  }

  async close() {
    await this.#client?.close()
  }
}

class Client {
  #child
  #closed
  #calls = new Map()
  #last = 0

  constructor(program) {
    this.#child = fork(fileURLToPath(program))
    this.#child.on('message', ({ id, value, error }) => {
      const { resolve, reject } = this.#calls.get(id)
      this.#calls.delete(id)
      if (error === undefined) resolve(value)
      else reject(new Error(error))
    })
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#closed.then(() => {
      for (const { reject } of this.#calls.values()) reject(new Error('The client process ended'))
    })
  }

  call(settings, method, args) {
    this.#last += 1
    const id = this.#last
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject })
      this.#child.send({ id, settings, method, args })
    })
  }

  close() {
    this.#child.disconnect()
    return this.#closed
  }
}
