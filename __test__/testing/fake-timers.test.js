// The timers of the process are replaced, as test runners do: the engine goes on, and so does the environment.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { counting, environmentFor } from './support.js'

describe('with replaced timers', () => {
  it('runs end, sleeps pass and nodes time out, by the clock of the environment', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })
    const flows = {
      counting,
      patient: createFlow('patient').sleep('pause', { duration: 86_400_000 }),
      hanging: createFlow('hanging').node('call', () => new Promise(() => {}), { config: { timeout: 60_000 } }),
    }
    const { client, clock, expectRun } = await environmentFor(t, flows)
    const [quick, patient, hanging] = [
      await client.start('counting'),
      await client.start('patient'),
      await client.start('hanging'),
    ]
    await expectRun(quick).toHaveCompleted({ outputs: { second: 2 } })
    await clock.advance('1 day')
    await expectRun(patient).toHaveCompleted()
    await expectRun(hanging).toHaveFailed({ reason: 'timed out' })
  })

  it('a timer of a node is one of the test', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const polite = createFlow('polite').node('wait', async () => {
      await new Promise((resolve) => setTimeout(resolve, 60_000))
      return { output: 'waited' }
    })
    const { client, expectRun, untilExecuting } = await environmentFor(t, { polite })
    const run = await client.start('polite')
    await untilExecuting('wait')
    t.mock.timers.tick(60_000)
    await expectRun(run).toHaveCompleted({ outputs: { wait: 'waited' } })
    assert.equal((await run.result()).status, 'completed')
  })
})
