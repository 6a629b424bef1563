// Whatever lies in the queue: a message that is no job goes to the dead letters as it was, and nothing else is touched.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import amqplib from 'amqplib'
import { createFlow } from 'flowcraft'
import { openBadInput } from '../fixtures/bad-input.js'
import { onServers, until, urls } from '../fixtures/shared-servers.js'

const MEGABYTES_10 = 10 * 1024 * 1024

const flow = createFlow('greeting').node('hello', async ({ context }) => ({
  output: `hello ${await context.get('name')}`,
}))

let badInput
before(async () => {
  badInput = await openBadInput(flow, { blueprintTimeout: 300 })
})
after(() => badInput.close())

/** A job with some fields changed. */
const job = (fields) => JSON.stringify({ runId: 'nobody', blueprintId: 'greeting', nodeId: 'hello', ...fields })
const nested = (depth, open, close) => open.repeat(depth) + close.repeat(depth)

describe('a message that is no job goes to the dead letters, byte for byte', () => {
  const cases = {
    'is not JSON': ['hello there', /not a job/],
    'is empty': ['', /not a job/],
    'stops in the middle': ['{ "runId": "nobo', /not a job/],
    'is an array': ['["nobody", "greeting", "hello"]', /not a job: it is an array/],
    'is a text': ['"hello"', /not a job/],
    'is a number': ['7', /not a job/],
    'is null': ['null', /not a job/],
    'is true': ['true', /not a job/],
    'has no field': ['{}', /runId/],
    'has no runId': [job({ runId: undefined }), /runId/],
    'has no blueprintId': [job({ blueprintId: undefined }), /blueprintId/],
    'has no nodeId': [job({ nodeId: undefined }), /nodeId/],
    'has a number as runId': [job({ runId: 7 }), /number|integer/],
    'has null as blueprintId': [job({ blueprintId: null }), /null/],
    'has an object as nodeId': [job({ nodeId: { id: 'hello' } }), /map/],
    'has an array as nodeId': [job({ nodeId: ['hello'] }), /sequence/],
    'has a text as attempt': [job({ attempt: 'second' }), /"second"/],
    'has a negative attempt': [job({ attempt: -1 }), /-1/],
    'has a text as isLastAttempt': [job({ isLastAttempt: 'yes' }), /boolean/],
    'has half a round': [job({ round: 1.5 }), /1\.5/],
    'has a date as notBefore': [job({ notBefore: '2030-01-01' }), /2030-01-01/],
    'has an empty runId': [job({ runId: '' }), /'runId' is empty/],
    'has an empty blueprintId': [job({ blueprintId: '' }), /'blueprintId' is empty/],
    'has an empty nodeId': [job({ nodeId: '' }), /'nodeId' is empty/],
    'has a field twice': ['{"runId":"a","runId":"b","blueprintId":"greeting","nodeId":"hello"}', /duplicate/],
    'has half a surrogate pair': ['{"runId":"\\ud800","blueprintId":"greeting","nodeId":"hello"}', /hex escape/],
    'has U+0000 in its runId': [job({ runId: 'no\0body' }), /U\+0000/],
    'is 10 MB of nothing': [' '.repeat(MEGABYTES_10), /not a job/],
    'is 10 MB of something': ['x'.repeat(MEGABYTES_10), /not a job/],
    'is 10,000 arrays deep': [nested(10_000, '[', ']'), /not a job/],
    'is 10,000 objects deep': [`${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, /not a job/],
    'names its run 10,000 arrays deep': [job({ runId: '@' }).replace('"@"', nested(10_000, '[', ']')), /sequence/],
    'is not UTF-8': [Buffer.from([0xff, 0xfe, 0x7b, 0x7d]), /not a job/],
    'has a runId that is not UTF-8': [
      Buffer.concat([
        Buffer.from('{"runId":"'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('","blueprintId":"b","nodeId":"n"}'),
      ]),
      /not a job/,
    ],
  }
  for (const [title, [message, reason]] of Object.entries(cases)) {
    it(`that ${title}`, () =>
      badInput.amongHealthyRuns(async () => {
        const body = Buffer.from(message)
        await badInput.servers.send(body)
        await badInput.letter(({ content }) => content.equals(body), reason)
        assert.equal(await badInput.servers.waiting(), 0)
      }))
  }
})

describe('a message with long headers', () => {
  it('is no obstacle, whether it is a job or not', () =>
    badInput.amongHealthyRuns(async () => {
      // As long as amqplib can send.
      const headers = { trace: 'x'.repeat(60_000) }
      const { servers } = badInput
      await servers.send('with long headers', { headers })
      await badInput.letter('with long headers', /not a job/)
      assert.equal(await servers.waiting(), 0)
    }))
})

describe('a message too long for whatever it names goes to the dead letters', () => {
  let badInput
  before(async () => {
    badInput = await openBadInput(flow, { blueprintTimeout: 300 })
  })
  after(() => badInput.close())

  const long = 'x'.repeat(MEGABYTES_10)
  const cases = {
    'a runId of 10 MB': [{ runId: long }, /SQLSTATE 54000/, onServers('the longest key of an index')],
    'a blueprintId of 10 MB': [{ blueprintId: long }, /is not in this worker's runtime/],
    'a nodeId of 10 MB': [{ nodeId: long }, /is not in blueprint 'greeting'/],
    'an attempt of 10 MB': [{ attempt: long }, /not a job.*expected u32/],
  }
  for (const [title, [fields, reason, where = {}]] of Object.entries(cases)) {
    it(title, where, () =>
      badInput.amongHealthyRuns(async () => {
        await badInput.servers.send(job(fields))
        await badInput.letter(({ body }) => body.includes(job(fields).slice(0, -1)), reason)
      }),
    )
  }
})

describe('a job that says more than it has to is a job', () => {
  const cases = {
    'with a field nobody knows': { trace: { id: 'abc' } },
    'with 10 MB in a field nobody knows': { padding: 'x'.repeat(MEGABYTES_10) },
    'with null in every field that may be absent': { attempt: null, isLastAttempt: null, round: null },
  }
  for (const [title, fields] of Object.entries(cases)) {
    it(title, async () => {
      const { servers } = badInput
      const runId = await servers.begin(flow, { name: 'Ada' }, { starts: [] })
      await servers.send(job({ runId, ...fields }))
      assert.equal((await servers.settled(runId)).context['_outputs.hello'], 'hello Ada')
    })
  }

  it('with 10,000 levels in a field nobody knows', async () => {
    const { servers } = badInput
    const runId = await servers.begin(flow, { name: 'Ada' }, { starts: [] })
    await servers.send(job({ runId, deep: '@' }).replace('"@"', nested(10_000, '[', ']')))
    assert.equal((await servers.settled(runId)).status, 'completed')
  })

  it('with space around it', async () => {
    const { servers } = badInput
    const runId = await servers.begin(flow, { name: 'Ada' }, { starts: [] })
    await servers.send(`\r\n\t ${job({ runId })} \n`)
    assert.equal((await servers.settled(runId)).status, 'completed')
  })
})

describe('through a live amqplib connection', onServers('a live connection'), () => {
  it('a message that is no job goes to the dead letters too', async (t) => {
    const connection = await amqplib.connect(urls.amqp)
    const live = await openBadInput(flow, { amqpConnection: connection })
    t.after(async () => {
      await live.close()
      await connection.close()
    })
    await live.amongHealthyRuns(async () => {
      await live.servers.send('no job')
      await live.letter('no job', /not a job/)
    })
  })
})

describe('the dead letter is there before the original is gone', onServers('a queue that is full'), () => {
  it('where the dead letters cannot be taken, the message stays', async (t) => {
    const full = await openBadInput(flow, { stopTimeout: 300 })
    const { servers } = full
    t.after(() => full.close())
    await servers.channel.deleteQueue(full.deadQueue)
    await servers.channel.assertQueue(full.deadQueue, {
      durable: true,
      arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
    })
    await full.amongHealthyRuns(() => servers.send('no job'))
    await full.adapter.stop()
    const message = await until(() => servers.channel.get(servers.queue, { noAck: true }))
    assert.equal(message.content.toString(), 'no job')
  })
})
