// A test that fails before it closes its environment.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import { createFlow } from 'flowcraft'

it('fails', async () => {
  const flows = {
    hanging: createFlow('hanging').node('call', () => new Promise(() => {}), { config: { timeout: 60_000 } }),
  }
  const env = await createTestEnvironment({ flows })
  await env.client.start('hanging')
  await env.untilExecuting('call')
  assert.fail('before it closes')
})
