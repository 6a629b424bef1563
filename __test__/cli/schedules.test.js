// Schedules by the command line, on real servers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { onServers, sharedServersFor } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf } from './support/cli.js'

describe('schedules', onServers('the command line is a process of its own'), () => {
  it('are created, shown, paused, triggered, filled up and removed', async (t) => {
    const servers = await sharedServersFor(t)
    const run = cliOf(servers)
    assert.equal((await run('migrate down --yes')).code, 0)
    const early = await run('schedules list')
    assert.deepEqual([early.code, /migrate up/.test(early.stderr)], [3, true], early.stderr)
    assert.equal((await run('migrate up')).code, 0)
    servers.migrated = servers.contextTable
    await servers.workerFor(t, Object.values(flows))
    // The worker's queue is a fresh one.
    const at = cliOf(servers)
    assert.match((await at('schedules list')).stderr, /There is no schedule/)

    const cron = ['--cron', '30 2 * * *', '--time-zone', 'Europe/Berlin', '--context', '{"amount":42}']
    const created = await at([
      'schedules',
      'create',
      'nightly',
      'order',
      ...cron,
      '--overlap',
      'queue',
      '--catch-up',
      '2h',
    ])
    assert.equal(created.code, 0, created.stderr)
    assert.match(created.stdout, /^due +30 2 \* \* \* \(Europe\/Berlin\)$/m)
    assert.match(created.stdout, /^overlap +queue \(1 at most\)$/m)
    const again = await at(['schedules', 'create', 'nightly', 'order', ...cron])
    assert.deepEqual([again.code, /--on-conflict update/.test(again.stderr)], [1, true])
    const updated = await at('schedules create nightly order --every 5m --tag customer:42 --on-conflict update -o json')
    assert.equal(JSON.parse(updated.stdout).everyMs, 300_000)
    assert.deepEqual(JSON.parse(updated.stdout).tags, ['customer:42'])
    for (const wrong of ['--every 5m --cron x', '--cron often', '']) {
      assert.equal((await at(`schedules create other order ${wrong}`.trim())).code, 2, wrong)
    }

    const paused = await at(['schedules', 'pause', 'nightly', '--note', 'a\u001b[31m reason'])
    assert.match(paused.stdout, /^note +a.*reason$/m)
    assert.ok(!paused.stdout.includes('\u001b[31m reason'))
    assert.match((await at('schedules list')).stdout, /nightly +paused +every 5 m +order/)
    const { stdout: triggered } = await at('schedules trigger nightly')
    await servers.settled(triggered.trim(), ['awaiting'])
    assert.match(
      (await at('schedules show nightly')).stdout,
      new RegExp(`awaiting +${triggered.trim()} .*\\(trigger\\)`),
    )
    const resumed = await at.json('schedules resume nightly')
    assert.equal(resumed.state, 'active')
    const filled = await at('schedules backfill nightly --from 2020-01-01T00:00:00Z --to 2020-01-01T00:04:59.999Z')
    assert.deepEqual([filled.code, filled.stdout], [0, '1 due time to be started\n'], filled.stderr)
    assert.equal((await at('schedules backfill nightly --from 2000-01-01 --to 2020-01-01')).code, 2)

    const asked = await at('schedules delete nightly')
    assert.equal(asked.code, 4)
    assert.equal((await at('schedules delete nightly --yes')).code, 0)
    const gone = await at('schedules show nightly')
    assert.deepEqual([gone.code, /schedules list/.test(gone.stderr)], [1, true])
  })
})
