// What is said in the log says in fields what it is about; what goes to standard error is for programs where they ask.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow, NullLogger } from 'flowcraft'
import { until } from '../fixtures/until.js'
import { WorkerProcess } from '../fixtures/worker-process.js'
import { freshMemory, QUEUE } from '../memory/support.js'

const failing = createFlow('failing').node('first', () => {
  throw new Error('no')
})

/** A logger that keeps its lines, with their fields. */
function kept() {
  const lines = []
  const keep = (message, meta) => lines.push({ message, ...meta })
  const logger = Object.assign(new NullLogger(), { debug: keep, info: keep, warn: keep, error: keep })
  return { lines, logger }
}

describe('the fields of a line', () => {
  it('name the worker, the run and the node', async (t) => {
    const { begin, settled, worker } = freshMemory(t)
    const { lines, logger } = kept()
    worker(failing, { runtime: { logger } })
    begin('r', 'failing', 'first')
    await settled('r')
    const line = lines.find(({ message }) => message.includes('no') && message.includes("'r'"))
    assert.deepEqual([line.run, line.node], ['r', 'first'])
    assert.match(line.worker, new RegExp(`:${process.pid}:`))
  })

  it('name the queue of a message that is no job, and what the engine says has its fields too', async (t) => {
    const { memory, worker } = freshMemory(t)
    const { lines, logger } = kept()
    worker(failing, { runtime: { logger } })
    memory.publish(QUEUE, Buffer.from('{'))
    memory.publish(QUEUE, Buffer.from(JSON.stringify({ runId: 'x\ny', blueprintId: '', nodeId: 'n' })))
    const letters = () => lines.filter(({ message }) => message.includes('dead letters'))
    await until(() => letters().length === 2, { what: 'both to be dead letters' })
    assert.ok(letters().every(({ queue, worker }) => queue === QUEUE && worker !== undefined))
  })
})

const PROGRAM = new URL('programs/traced.js', import.meta.url)

describe('the trace on standard error', () => {
  it('is lines for people, without colours where there is no terminal', async () => {
    const program = new WorkerProcess(PROGRAM, { env: { FLOWCRAFT_LOG: 'debug' } })
    assert.deepEqual(await program.ended(), { code: 0, signal: null })
    assert.match(program.stderr, /job/)
    assert.ok(!program.stderr.includes('\u001b['), program.stderr)
  })

  it('is a JSON object a line where FLOWCRAFT_LOG_FORMAT says so', async () => {
    const program = new WorkerProcess(PROGRAM, { env: { FLOWCRAFT_LOG: 'debug', FLOWCRAFT_LOG_FORMAT: 'json' } })
    assert.deepEqual(await program.ended(), { code: 0, signal: null })
    const lines = program.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.ok(lines.length > 0 && lines.every(({ level, timestamp }) => level && timestamp))
    assert.ok(
      lines.some(({ span }) => span?.run === 'r'),
      program.stderr,
    )
  })
})
