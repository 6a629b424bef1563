// Whatever a node throws fails its run with a reason that names the node and the cause; whatever it does too late counts
// for nothing; one that never ends keeps neither the worker nor its message.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter } from '@flowcraft/rabbitmq-adapter'
import { createFlow, FlowcraftError } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { until } from '../fixtures/shared-servers.js'

const caused = (depth) => {
  let error = new Error('the bottom')
  for (let level = 0; level < depth; level++) error = new Error(`level ${depth - level}`, { cause: error })
  return error
}
const circular = () => {
  const [chicken, egg] = [new Error('no egg'), new Error('no chicken')]
  chicken.cause = egg
  egg.cause = chicken
  return chicken
}
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const getting = (property) =>
  Object.defineProperty(new Error('with a getter'), property, {
    get() {
      throw new Error('a getter threw')
    },
  })

/** What is thrown, and what is said of it. */
const THROWN = {
  'a text': [() => 'card declined', /card declined/],
  'an empty text': [() => '', /'pay'/],
  null: [() => null, /null/],
  undefined: [() => undefined, /undefined/],
  'a number': [() => 7, /7/],
  NaN: [() => Number.NaN, /NaN/],
  'a BigInt': [() => 12n, /12/],
  'a symbol': [() => Symbol('odd'), /Symbol\(odd\)/],
  false: [() => false, /false/],
  'a frozen object': [() => Object.freeze({ code: 7 }), /object/],
  'a frozen error': [() => Object.freeze(new Error('frozen')), /frozen/],
  'an object without a prototype': [() => Object.create(null), /'pay'/],
  'a function': [() => () => 'called', /called/],
  'an error without a message': [() => new Error(), /'pay'/],
  'an error of another kind': [() => new RangeError('too far'), /too far/],
  'an error with several': [() => new AggregateError([new Error('one')], 'all of them'), /all of them/],
  'an error with a circular cause': [circular, /no egg.*no chicken/],
  'an error with a thousand causes': [() => caused(1000), /level 1/],
  'an error whose cause is null': [() => new Error('alone', { cause: null }), /alone/],
  'an error whose cause is a text': [() => new Error('declined', { cause: 'no funds' }), /declined.*no funds/],
  'an error whose cause has no text': [() => new Error('deep', { cause: Object.create(null) }), /deep/],
  'an error whose cause is a revoked proxy': [() => new Error('deep', { cause: revoked() }), /deep/],
  'an error whose message is a number': [() => Object.assign(new Error(), { message: 7, cause: 'eight' }), /7.*eight/],
  'an error whose message is an object': [() => Object.assign(new Error(), { message: {}, cause: 'eight' }), /eight/],
  'an error whose message has a getter that throws': [() => getting('message'), /'pay'/],
  'an error whose cause has a getter that throws': [() => getting('cause'), /with a getter/],
  'an error that holds a BigInt': [() => Object.assign(new Error('12 EUR'), { amount: 12n }), /12 EUR/],
  'a revoked proxy': [revoked, /'pay'/],
  'a promise': [() => Promise.resolve('later'), /Promise/],
  'a fatal error of core': [() => new FlowcraftError('stop it all', { isFatal: true }), /stop it all/],
  'an AbortError': [() => new DOMException('aborted', 'AbortError'), /'pay'/],
  'U+0000 in its message': [() => new Error('a\0b'), /a\uFFFDb/],
  'half a surrogate pair in its message': [() => new Error('a\ud800b'), /a\uFFFDb/],
  'quotes, SQL and JSON in its message': [() => new Error(`'"; DROP TABLE x; -- {"a":$1} \\`), /DROP TABLE x; -- /],
  'any Unicode in its message': [() => new Error('😀 e\u0301 日本語'), /😀 e\u0301 日本語/],
  '50 MB in its message': [() => new Error('x'.repeat(50 * 1024 * 1024)), /x{1000}/],
}

const pay = async ({ context }) => {
  throw THROWN[await context.get('case')][0]()
}
const plain = createFlow('plain')
  .node('pay', pay)
  .node('ship', () => ({ output: 'shipped' }))
  .edge('pay', 'ship')
const retried = createFlow('retried').node('pay', pay, { config: { maxRetries: 2 } })
const rescued = createFlow('rescued')
  .node('pay', pay, { config: { fallback: 'owe' } })
  .node('owe', () => ({ output: 'owed' }))

describe('whatever a node throws', () => {
  let badInput
  const events = []
  before(async () => {
    const eventBus = { emit: async (event) => void events.push(event) }
    badInput = await openBadInput([plain, retried, rescued], { eventBus })
  })
  after(() => badInput.close())

  for (const [title, [, cause]] of Object.entries(THROWN)) {
    it(`${title}: the run fails, and says which node and why`, () =>
      badInput.amongHealthyRuns(async () => {
        const { servers } = badInput
        const begin = (flow) => servers.begin(flow, { case: title })
        const [runId, tried, saved] = await Promise.all([plain, retried, rescued].map(begin))
        for (const failed of [runId, tried]) {
          const { status, result, context } = await servers.settled(failed)
          assert.equal(status, 'failed')
          assert.match(result.reason, /'pay'/)
          assert.match(result.reason, cause)
          assert.ok(result.reason.length < 20_000)
          assert.deepEqual(
            Object.keys(context).filter((key) => key.startsWith('_outputs.')),
            [],
          )
        }
        const told = events.find(({ type, payload }) => type === 'job:failed' && payload.runId === runId)
        assert.ok(told.payload.error instanceof Error)
        const { status, context } = await servers.settled(saved)
        const fatal = title.startsWith('a fatal')
        assert.deepEqual([status, context['_outputs.owe']], fatal ? ['failed', undefined] : ['completed', 'owed'])
      }))
  }
})

describe('whatever else throws', () => {
  const flow = createFlow('fine').node('a', () => ({ output: 1 }))
  const fails = createFlow('fails').node('a', () => {
    throw new Error('as it should')
  })

  it('onJobStart fails the node it was called for', async (t) => {
    class Odd extends RabbitMqAdapter {
      async onJobStart(_runId, blueprintId) {
        if (blueprintId === 'fine') throw Object.create(null)
      }
    }
    const badInput = await openBadInput(flow, { Adapter: Odd })
    t.after(() => badInput.close())
    await badInput.amongHealthyRuns(async () => {
      const { status, result } = await badInput.servers.run(flow)
      assert.deepEqual([status, result.reason.includes("'a'")], ['failed', true])
    })
  })

  it('a logger and an event bus are their own problem', async (t) => {
    const broken = () => {
      throw Object.create(null)
    }
    const logger = { debug: broken, info() {}, warn: broken, error: broken }
    const badInput = await openBadInput([flow, fails], { eventBus: { emit: broken }, runtime: { logger } })
    t.after(() => badInput.close())
    await badInput.amongHealthyRuns(async () => {
      assert.equal((await badInput.servers.run(flow)).status, 'completed')
      const { status, result } = await badInput.servers.run(fails)
      assert.deepEqual([status, result.reason.includes("'a'")], ['failed', true])
    })
  })
})

describe('whatever a node returns that is no result', () => {
  const RETURNED = {
    undefined: () => undefined,
    null: () => null,
    'a number': () => 7,
    'a text': () => 'done',
    'an array': () => [1],
    'an action that is a number': () => ({ output: 1, action: 7 }),
    'an action that is an object': () => ({ output: 1, action: {} }),
  }
  const REFUSED = {
    'an action with U+0000': [() => ({ output: 1, action: 'a\0b' }), /action of node 'odd'.*U\+0000/],
    'an action without a text': [() => ({ output: 1, action: Object.create(null) }), /'odd'/],
    'a dynamic node whose id is a number': [
      () => ({ output: 1, dynamicNodes: [{ id: 7, uses: 'odd' }] }),
      /'odd'.*a string, not a number/,
    ],
    'dynamic nodes that are none': [() => ({ output: 1, dynamicNodes: [null] }), /'odd'/],
    'an output with a getter that throws': [
      () => ({
        get output() {
          throw new Error('no output')
        },
      }),
      /no output/,
    ],
  }
  const flow = createFlow('odd')
    .node('odd', async ({ context }) => {
      const name = await context.get('case')
      return RETURNED[name]?.() ?? REFUSED[name]?.[0]()
    })
    .node('next', () => ({ output: 'next' }))
    .edge('odd', 'next')
  let badInput
  before(async () => {
    badInput = await openBadInput(flow)
  })
  after(() => badInput.close())

  for (const name of Object.keys(RETURNED)) {
    it(`${name}: it is done all the same`, async () => {
      const { status, context } = await badInput.servers.run(flow, { case: name })
      assert.deepEqual([status, context['_outputs.next']], ['completed', 'next'])
    })
  }
  for (const [name, [, cause]] of Object.entries(REFUSED)) {
    it(`${name}: it failed, and the run says why`, () =>
      badInput.amongHealthyRuns(async () => {
        const { status, result, context } = await badInput.servers.run(flow, { case: name })
        assert.equal(status, 'failed')
        assert.match(result.reason, cause)
        assert.equal('_outputs.next' in context, false)
      }))
  }
})

describe('time', () => {
  it('a node that rejects after its time-out has failed by then, and what it does later counts for nothing', async (t) => {
    const rejections = []
    const reject = (reason) => rejections.push(reason)
    process.on('unhandledRejection', reject)
    t.after(() => process.off('unhandledRejection', reject))
    let over = false
    const flow = createFlow('late').node(
      'late',
      async ({ context }) => {
        await sleep(400)
        await context.set('late', true)
        over = true
        throw new Error('too late to matter')
      },
      { config: { timeout: 100 } },
    )
    const badInput = await openBadInput(flow)
    t.after(() => badInput.close())
    await badInput.amongHealthyRuns(async () => {
      const runId = await badInput.servers.begin(flow)
      const end = await badInput.servers.settled(runId)
      assert.deepEqual([end.status, over], ['failed', false])
      assert.match(end.result.reason, /'late' timed out after 100 ms/)
      await until(() => over)
      await sleep(50)
      assert.deepEqual(await badInput.servers.look(runId), end)
    })
    assert.deepEqual(rejections, [])
  })

  const never = (config) => {
    const seen = { started: 0 }
    const flow = createFlow('never').node(
      'never',
      async () => {
        seen.started += 1
        await new Promise(() => {})
      },
      { config },
    )
    return { flow, seen }
  }

  it('a node that never returns fails by its time-out, and does not hold stop() up', async (t) => {
    const { flow } = never({ timeout: 100 })
    const badInput = await openBadInput(flow, { concurrency: 2 })
    t.after(() => badInput.close())
    await badInput.amongHealthyRuns(async () => {
      const { status, result } = await badInput.servers.run(flow)
      assert.equal(status, 'failed')
      assert.match(result.reason, /'never' timed out after 100 ms/)
    })
    const begun = Date.now()
    await badInput.adapter.stop()
    assert.ok(Date.now() - begun < 3000, `stop() took ${Date.now() - begun} ms`)
  })

  it('a node that never returns and has no time-out does not keep its message when the worker stops', async (t) => {
    const { flow, seen } = never()
    const badInput = await openBadInput(flow, { stopTimeout: 300 })
    t.after(() => badInput.close())
    let runId
    await badInput.amongHealthyRuns(async () => {
      runId = await badInput.servers.begin(flow)
      await until(() => seen.started)
    })
    const begun = Date.now()
    await badInput.adapter.stop()
    assert.ok(Date.now() - begun < 4000, `stop() took ${Date.now() - begun} ms`)
    assert.equal(await badInput.servers.waiting(), 1)
    const mended = createFlow('never').node('never', () => ({ output: 'at last' }))
    badInput.servers.adapter(mended)
    const { status, context } = await badInput.servers.settled(runId)
    assert.deepEqual([status, context['_outputs.never']], ['completed', 'at last'])
  })
})
