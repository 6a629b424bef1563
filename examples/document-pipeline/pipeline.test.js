import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { archive } from './archive.js'
import { flows } from './flow.js'

test('200 documents are read by two workers, each once, and indexed', async (t) => {
  const documents = archive(200)
  const env = await createTestEnvironment({ flows, workers: 2, runtime: { dependencies: { archive: documents } } })
  t.after(() => env.close())
  const run = await env.client.start('documents', { context: { folder: 'inbox' } })
  await env.expectRun(run).toHaveCompleted({ outputs: { index: 'inbox.json' } })
  assert.deepEqual([...documents.reads.values()], Array(200).fill(1))
  const index = documents.saved.get('inbox.json')
  assert.equal(index.invoice.length, 50)
  assert.equal(index.number.length, 200)
})

test('a worker that dies in the middle costs what it was reading, and nothing else', async (t) => {
  const documents = archive(200)
  let reading = 0
  const { text } = documents
  documents.text = async (name) => {
    const words = await text(name)
    reading += 1
    // The fortieth reads until its worker is killed.
    if (reading === 40) await new Promise(() => {})
    return words
  }
  const env = await createTestEnvironment({ flows, workers: 2, runtime: { dependencies: { archive: documents } } })
  t.after(() => env.close())
  const run = await env.client.start('documents', { context: { folder: 'inbox' } })
  const held = new Promise((resolve) => {
    const timer = setInterval(() => {
      if (documents.reads.size === 200) resolve(clearInterval(timer))
    }, 5)
  })
  await held
  await env.killWorker()
  await env.expectRun(run).toHaveCompleted({ outputs: { index: 'inbox.json' } })
  const again = [...documents.reads.values()].filter((reads) => reads > 1)
  assert.ok(again.length > 0 && again.length < 40, `${again.length} documents were read again`)
  assert.equal(documents.saved.get('inbox.json').number.length, 200)
})
