// The guide's page "Error Handling".
import assert from 'node:assert/strict'
import { BaseNode, createFlow, FlowcraftError } from 'flowcraft'
import { openPage, pass, value } from './support.js'

const page = openPage({
  'a fallback that is not needed does not run': {
    because: 'in memory a node behind a primary and its fallback waits for both, and one of them does not run',
    memory: { outputs: { primary: 'from the first' }, executed: { primary: 1 } },
  },
})

/** A node that fails so often, and then answers. */
const failing = (times, error = () => new Error('not yet')) => {
  let n = 0
  return async () => {
    if (++n <= times) throw error(n)
    return { output: `done at attempt ${n}` }
  }
}

page.runs(
  'a node is tried again as often as it says',
  { status: 'completed', outputs: { risky: 'done at attempt 3' }, executed: { risky: 1 }, errors: [] },
  () => ({ flow: createFlow('retry').node('risky', failing(2), { config: { maxRetries: 3 } }) }),
)

page.runs(
  'and no more often',
  { status: 'failed', outputs: {}, errors: ['risky'] },
  () => ({ flow: createFlow('retry').node('risky', failing(3), { config: { maxRetries: 3 } }) }),
  ({ distributed }) => assert.match(distributed.seen.result.reason, /'risky'.*not yet/),
)

page.runs(
  'a fallback takes over, and what follows gets its output',
  {
    status: 'completed',
    outputs: { primary: null, secondary: 'from the second', process: 'processed from the second' },
    executed: { primary: 1, secondary: 1, process: 1 },
    errors: [],
  },
  () => ({
    flow: createFlow('fallback')
      .node('primary', failing(9), { config: { maxRetries: 2, fallback: 'secondary' } })
      .node('secondary', value('from the second'))
      .node('process', async ({ input }) => ({ output: `processed ${input}` }))
      .edge('primary', 'process')
      .edge('secondary', 'process'),
    starts: ['primary'],
  }),
)

page.runs(
  'a fallback that is not needed does not run',
  {
    status: 'completed',
    outputs: { primary: 'from the first', process: 'processed from the first' },
    executed: { primary: 1, process: 1 },
  },
  () => ({
    flow: createFlow('fallback')
      .node('primary', value('from the first'), { config: { maxRetries: 2, fallback: 'secondary' } })
      .node('secondary', value('from the second'))
      .node('process', async ({ input }) => ({ output: `processed ${input}` }))
      .edge('primary', 'process')
      .edge('secondary', 'process'),
    starts: ['primary'],
  }),
)

page.runs(
  'a fallback that fails fails the run in its own name',
  { executed: { primary: 1, secondary: 1 }, errors: ['secondary'] },
  () => ({
    flow: createFlow('fallback')
      .node('primary', failing(9), { config: { fallback: 'secondary' } })
      .node('secondary', failing(9))
      .node('process', pass)
      .edge('primary', 'process'),
    starts: ['primary'],
  }),
)

/** A node with a connection that it closes whatever happens; `log` says what was called. */
const connected = (log, { fails, config }) => {
  class Connected extends BaseNode {
    async prep() {
      log.push('open')
      if (fails === 'prep') throw new Error('no connection')
      return 'connection'
    }
    async exec(connection) {
      log.push('exec')
      if (fails === 'exec') throw new Error('no answer')
      return { output: `asked over a ${connection}` }
    }
    async post(result) {
      log.push('post')
      if (fails === 'post') throw new Error('no place to write')
      return result
    }
    async fallback(error) {
      log.push('fallback')
      if (fails === 'exec' && config?.hasFallback) return { output: `instead of: ${error.message}` }
      throw error
    }
    async recover(error) {
      log.push(`close after ${error.message}`)
    }
  }
  return createFlow('connected').node('ask', Connected, { config })
}

for (const [fails, config, status, calls] of [
  [undefined, undefined, 'completed', ['open', 'exec', 'post']],
  ['prep', { maxRetries: 2 }, 'failed', ['open', 'close after no connection']],
  ['exec', { maxRetries: 2 }, 'failed', ['open', 'exec', 'exec', 'fallback', 'close after no answer']],
  [
    'exec',
    { maxRetries: 2, hasFallback: true },
    'completed',
    ['open', 'exec', 'exec', 'fallback', 'post', 'close after no answer'],
  ],
  ['post', { maxRetries: 2 }, 'failed', ['open', 'exec', 'post', 'close after no place to write']],
]) {
  const logs = []
  const title = fails
    ? `cleans up after ${fails}${config.hasFallback ? ', with a fallback of its own' : ''}`
    : 'nothing'
  page.runs(
    `a class node whose ${fails ?? 'every step'} ${fails ? 'fails' : 'succeeds'} ${title === 'nothing' ? 'needs no cleaning up' : title}`,
    { status },
    () => {
      logs.push([])
      return { flow: connected(logs.at(-1), { fails, config }) }
    },
    () => {
      for (const log of logs) assert.deepEqual(log, calls)
    },
  )
}

const told = (isFatal) => () =>
  new FlowcraftError('the call failed', {
    cause: new Error('connection reset'),
    nodeId: 'call',
    blueprintId: 'calls',
    isFatal,
  })

const calls = (isFatal, times = 9) =>
  createFlow('calls')
    .node('call', failing(times, told(isFatal)), { config: { maxRetries: 3, fallback: 'instead' } })
    .node('instead', value('instead'))
    .node('after', pass)
    .edge('call', 'after')

page.runs(
  'an error that is not fatal is tried again',
  { status: 'completed', outputs: { call: 'done at attempt 3', after: 'done at attempt 3' } },
  () => ({ flow: calls(false, 2), starts: ['call'] }),
)

page.runs(
  'and then the fallback takes over',
  { status: 'completed', outputs: { call: null, instead: 'instead', after: 'instead' }, errors: [] },
  () => ({ flow: calls(false), starts: ['call'] }),
)

page.runs(
  'a fatal error is neither tried again nor mended by a fallback',
  { status: 'failed', outputs: {}, executed: { call: 1 }, errors: ['call'] },
  () => ({ flow: calls(true, 1), starts: ['call'] }),
  ({ distributed }) => assert.match(distributed.seen.result.reason, /the call failed/),
)

page.runs(
  'what fails is told with its cause',
  { status: 'failed', errors: ['call'] },
  () => ({ flow: createFlow('calls').node('call', failing(9, told(false))) }),
  ({ memory, distributed }) => {
    for (const { events } of [memory, distributed]) {
      const { error } = events.find(({ type }) => type === 'node:error').payload
      assert.ok(error instanceof FlowcraftError)
      assert.equal(error.message, 'the call failed')
      assert.equal(error.cause.message, 'connection reset')
      assert.equal(error.isFatal, false)
    }
  },
)

page.runs(
  'one branch fails, and the other goes on to its end',
  {
    status: 'failed',
    outputs: { begin: 1, good: 1, last: 1 },
    executed: { begin: 1, good: 1, bad: 1, last: 1 },
    errors: ['bad'],
  },
  () => ({
    flow: createFlow('branches')
      .node('begin', value(1))
      .node('bad', failing(9))
      .node('never', pass)
      .node('good', pass)
      .node('last', pass)
      .edge('begin', 'bad')
      .edge('bad', 'never')
      .edge('begin', 'good')
      .edge('good', 'last'),
  }),
)

page.runs(
  'an error may be anything that is thrown',
  { status: 'failed', errors: ['a', 'b'] },
  () => ({
    flow: createFlow('thrown')
      .node('a', () => Promise.reject('a text'))
      .node('b', async () => {
        throw Object.assign(new Error('with a code'), { code: 'E_BUSY' })
      }),
  }),
  ({ distributed }) => {
    assert.match(distributed.seen.result.reason, /a text/)
    assert.match(distributed.seen.result.reason, /with a code/)
  },
)
