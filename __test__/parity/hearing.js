// A bus that keeps what it hears, and the flows of the tests of events.
import assert from 'node:assert/strict'
import { createFlow } from 'flowcraft'
import { until } from '../fixtures/shared-servers.js'

export const value = (output) => async () => ({ output })
export const pass = async ({ input }) => ({ output: input })
/** A bus that keeps what it hears. */
export class Bus {
  /** What is told of runs. */
  heard = []
  /** What workers tell of themselves. */
  ofWorkers = []

  async emit(event) {
    const kept = event.type.startsWith('worker:') ? this.ofWorkers : this.heard
    kept.push(event)
  }

  /** What is told of a run as a whole. */
  whole(runId) {
    const isWhole = ({ type, payload }) => type.startsWith('workflow:') && payload.executionId === runId
    return this.heard.filter(isWhole)
  }

  /** The same, as words. */
  words(runId) {
    return this.whole(runId).map(({ type, payload }) =>
      [type.slice('workflow:'.length), payload.status].join(' ').trim(),
    )
  }

  /** Waits until a run was told to be over so often. */
  async untilFinished(runId, times = 1) {
    const isOver = () => this.whole(runId).filter(({ type }) => type === 'workflow:finish').length >= times
    await until(isOver, { what: `the end of ${runId} to be told` })
  }
}

/** No two things that happened have one id. */
export function assertDistinct(events) {
  const ids = events.map(({ id }) => id)
  assert.deepEqual(
    ids.filter((id) => typeof id !== 'string'),
    [],
  )
  assert.equal(new Set(ids).size, ids.length, ids.join())
}

export const chain = () => createFlow('chain').node('a', value(1)).node('b', pass).edge('a', 'b')
export const waits = () =>
  createFlow('waits').wait('one').node('between', pass).wait('two').edge('one', 'between').edge('between', 'two')
