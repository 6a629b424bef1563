// The code of docs/testing.md runs as it stands there, and says what it says it does.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { blocksOf, pageOf, programOf } from '../fixtures/pages.js'
import { onServers, urls } from '../fixtures/shared-servers.js'
import { counting } from './support.js'

const page = await pageOf('docs/testing.md')

it('docs/testing.md holds what its code expects', async () => {
  const said = []
  const blocks = blocksOf(page, 'js')
  assert.ok(blocks.length >= 6)
  await programOf(blocks.join('\n'), ['console'])({ console: { log: (words) => said.push(words) } })
  assert.deepEqual(said, [202])
})

it('docs/testing.md runs on servers by one option', onServers('servers'), async () => {
  const [block, ...others] = blocksOf(page, 'ts')
  assert.deepEqual(others, [])
  const code = block
    .replace('amqp://localhost', urls.amqp)
    .replace('postgresql://localhost/test', urls.database)
    .replace('redis://localhost', urls.redis)
  const run = programOf(
    `import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'\n${code}\nreturn env`,
    ['flows'],
  )
  const env = await run({ flows: { counting } })
  try {
    await env.expectRun(await env.client.start('counting')).toHaveCompleted({ outputs: { second: 2 } })
  } finally {
    await env.close()
  }
})
