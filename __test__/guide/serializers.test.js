// The guide's page "Serializers".
import assert from 'node:assert/strict'
import { PostgresContext } from '@flowcraft/rabbitmq-adapter'
import { createFlow, FlowRuntime, JsonSerializer } from 'flowcraft'
import { taggedSerializer } from '../fixtures/serializers.js'
import { openPage } from './support.js'

const DAY = new Date('2026-11-27T08:00:00Z')

const page = openPage({
  'JSON makes a date a text': {
    because:
      'in memory nothing is written down between two nodes, and a date stays a date; a row has its text. The page says' +
      ' that of what is serialized, and a distributed run is',
    memory: { outputs: { start: DAY.toISOString(), next: true } },
  },
})

/** Dates, and whether the next node still gets one. */
const dated = () =>
  createFlow('dated')
    .node('start', async () => ({ output: DAY }))
    .node('next', async ({ input }) => ({ output: input instanceof Date }))
    .edge('start', 'next')

page.runs(
  'JSON makes a date a text',
  { status: 'completed', outputs: { start: DAY.toISOString(), next: false } },
  () => ({ flow: dated() }),
)

page.it('a serializer of one’s own keeps it, from node to node and to the end', async () => {
  const serializer = taggedSerializer()
  const memory = await dated().run(new FlowRuntime({ serializer }))
  const run = await page.servers.runAlone(dated(), { runtime: { serializer } })
  for (const result of [memory, run.result.payload]) {
    const context = serializer.deserialize(result.serializedContext)
    assert.ok(context['_outputs.start'] instanceof Date)
    assert.equal(context['_outputs.start'].getTime(), DAY.getTime())
    assert.equal(context['_outputs.next'], true)
  }
  const { database: client, contextTable: tableName } = page.servers
  const outside = new PostgresContext(run.runId, { client, tableName, serializer })
  assert.ok((await outside.get('_outputs.start')) instanceof Date)
})

class Money {
  constructor(amount, currency) {
    Object.assign(this, { amount, currency })
  }

  text() {
    return `${this.amount} ${this.currency}`
  }
}

const ODD = {
  Date: [() => DAY, (value) => value.getTime() === DAY.getTime()],
  Map: [() => new Map([['a', new Set([1])]]), (value) => value.get('a').has(1)],
  Set: [() => new Set(['x']), (value) => value.has('x')],
  BigInt: [() => 2n ** 70n, (value) => value === 2n ** 70n],
  'a class of one’s own': [() => new Money(5, 'EUR'), (value) => value.text() === '5 EUR'],
}

for (const [name, [make, holds]] of Object.entries(ODD)) {
  page.it(`what it knows goes from node to node, and through the context: ${name}`, async () => {
    const serializer = taggedSerializer({ Money })
    const flow = createFlow('odd')
      .node('make', async ({ context }) => {
        await context.set('kept', make())
        return { output: make() }
      })
      .node('read', async ({ input, context }) => ({ output: [holds(input), holds(await context.get('kept'))] }))
      .edge('make', 'read')
    const memory = await flow.run(new FlowRuntime({ serializer }))
    const run = await page.servers.runAlone(flow, { runtime: { serializer } })
    assert.deepEqual(memory.context['_outputs.read'], [true, true])
    assert.deepEqual(run.context['_outputs.read'], [true, true])
  })
}

page.it('a run may start from a serialized text', async () => {
  const serializer = new JsonSerializer()
  const flow = createFlow('started').node('only', async ({ context }) => ({ output: await context.get('given') }))
  const text = serializer.serialize({ given: [1, { two: 2 }] })
  const memory = await flow.run(new FlowRuntime({ serializer }), text)
  const run = await page.servers.runAlone(flow, { context: serializer.deserialize(text) })
  assert.deepEqual(run.context['_outputs.only'], memory.context['_outputs.only'])
})

page.it('the text of a finished run is the one that the serializer makes', async () => {
  const serializer = {
    serialize: (data) => `<<${JSON.stringify(data)}>>`,
    deserialize: (text) => JSON.parse(text.slice(2, -2)),
  }
  const flow = createFlow('own').node('only', async () => ({ output: 'x' }))
  const run = await page.servers.runAlone(flow, { runtime: { serializer } })
  assert.match(run.result.payload.serializedContext, /^<<\{.*\}>>$/)
  assert.equal(serializer.deserialize(run.result.payload.serializedContext)['_outputs.only'], 'x')
})
