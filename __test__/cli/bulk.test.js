// Actions on many runs: previewed, asked for, done with how far they are, interrupted and gone on with.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf } from './support/cli.js'

let servers
let run
let client
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
  await servers.freshQueue()
})
after(() => servers?.close())

/** Runs that nobody works. */
async function started(t, count, flow = 'single') {
  client = clientFor(t, servers, Object.values(flows))
  const prefix = `${servers.runId()}-`
  const ids = Array.from({ length: count }, (_, at) => `${prefix}${String(at).padStart(5, '0')}`)
  await client.startMany(
    flow,
    ids.map((runId) => ({ runId })),
  )
  return { prefix, ids }
}

const statuses = async (prefix) => {
  const all = {}
  for (const { status } of await run.json(`runs list --prefix ${prefix}`)) all[status] = (all[status] ?? 0) + 1
  return all
}

describe('an action on many runs', onServers('the command line is a process of its own'), () => {
  it('shows what it concerns, and does nothing without a yes', async (t) => {
    const { prefix, ids } = await started(t, 30)
    const { code, stdout, stderr } = await run(`runs cancel --prefix ${prefix}`)
    assert.deepEqual([code, stdout], [4, ''])
    assert.match(stderr, /^Cancel: 30 runs\n {2}\S+00000 {2}running {2}single\n/)
    assert.match(stderr, /and 25 others\nNot confirmed: Cancel 30 runs\?\n→ .*--yes/)
    assert.deepEqual(await statuses(prefix), { running: 30 })
    // A run that is named is asked about too, where nothing brings it back.
    assert.equal((await run(`runs cancel ${ids[0]}`)).code, 4)

    const done = await run(`runs cancel --prefix ${prefix} --limit 10 --yes --reason why -o jsonl`)
    assert.deepEqual([done.code, done.stdout.trim().split('\n').length], [0, 10], done.stderr)
    assert.match(done.stderr, /10 of 10 runs cancelled\n$/)
    assert.deepEqual(await statuses(prefix), { running: 20, cancelled: 10 })
    assert.equal((await client.run(ids[0]).describe()).reason, 'why')
    const deleted = await run(`runs delete --prefix ${prefix} --yes -o json`)
    assert.equal(JSON.parse(deleted.stdout).length, 10)
    assert.deepEqual(await statuses(prefix), { running: 20 })
    const none = await run(`runs delete --prefix ${prefix} --yes`)
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'No run matches.\n'])
  })

  it('says which were refused, and ends with 1', async (t) => {
    const { ids } = await started(t, 2)
    await client.run(ids[1]).cancel()
    const { code, stdout, stderr } = await run(`runs delete ${ids[0]} ${ids[1]} --yes`)
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`${ids[0]} +refused +.*this one is running`))
    assert.match(stdout, new RegExp(`${ids[1]} +removed`))
    assert.match(stderr, /1 of 2 runs removed, 1 refused\n→ cancel it first/)
  })

  it('is interrupted, and goes on with those that are left', async (t) => {
    const { prefix } = await started(t, 5_000)
    const going = run.start(`runs cancel --prefix ${prefix} --yes -o jsonl`)
    await until(() => going.printed.stdout.length > 50_000)
    going.child.kill('SIGINT')
    const first = await going.done
    assert.equal(first.code, 130, first.stderr)
    const [, count] = first.stderr.match(/Interrupted after (\d+) of 5000; the same command goes on/)
    const told = first.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(told.length, Number(count))
    const second = await run(`runs cancel --prefix ${prefix} --yes`)
    assert.equal(second.code, 0, second.stderr)
    assert.match(second.stderr, new RegExp(`${(5_000 - count).toLocaleString('en')} runs cancelled`))
    // Of so many a table shows those that were refused.
    assert.equal(second.stdout, '')
    const { code, stdout } = await run(`runs list --prefix ${prefix} --status running -o jsonl`)
    assert.deepEqual([code, stdout], [0, ''])
  })

  describe('retries 5,000 failed runs', () => {
    /** A worker whose node fails while the bank is away, and for some runs always; runs that failed by it. */
    async function failedRuns(t) {
      const world = { isAway: true }
      const executed = new Map()
      const isStubborn = (runId) => runId.endsWith('7')
      const charging = createFlow('charging').node('charge', async ({ dependencies: { job } }) => {
        executed.set(job.runId, (executed.get(job.runId) ?? 0) + 1)
        if (world.isAway || isStubborn(job.runId)) throw new Error('The bank is away')
        return { output: 'charged' }
      })
      await servers.freshQueue()
      await servers.workerFor(t, charging)
      client = clientFor(t, servers, [charging])
      const prefix = `${servers.runId()}-`
      const ids = Array.from({ length: 5_000 }, (_, at) => `${prefix}${String(at).padStart(5, '0')}`)
      await client.startMany(
        'charging',
        ids.map((runId) => ({ runId })),
      )
      const counts = async () => {
        const { rows } = await servers.pg.query(
          `SELECT status, count(*)::int AS count FROM ${servers.statusTable} WHERE starts_with(run_id, $1) GROUP BY 1`,
          [prefix],
        )
        return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
      }
      const settled = async () => {
        await until(async () => ((await counts()).running ?? 0) === 0, {
          timeout: 120_000,
          what: 'the end of all runs',
        })
        return counts()
      }
      assert.deepEqual(await settled(), { failed: 5_000 })
      world.isAway = false
      return { prefix, ids, executed, settled, stubborn: ids.filter(isStubborn).length }
    }

    /** Retries them until it is interrupted half-way; how many it retried. */
    async function interrupted(prefix) {
      const going = run.start(`runs retry --prefix ${prefix} --yes -o jsonl`)
      await until(() => going.printed.stdout.split('\n').length > 2_000, { timeout: 120_000 })
      going.child.kill('SIGINT')
      const { code, stdout, stderr } = await going.done
      assert.equal(code, 130, stderr)
      const [, count] = stderr.match(/Interrupted after (\d+) of 5000; the same command goes on/)
      assert.equal(stdout.trim().split('\n').length, Number(count))
      assert.ok(count < 5_000)
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).runId)
    }

    it('until it is interrupted: the same command retries the rest, and those that failed again', async (t) => {
      const { prefix, executed, settled, stubborn } = await failedRuns(t)
      const first = new Set(await interrupted(prefix))
      const again = [...first].filter((id) => id.endsWith('7')).length
      assert.deepEqual(await settled(), { completed: first.size - again, failed: 5_000 - first.size + again })
      const second = await run(`runs retry --prefix ${prefix} --yes`)
      assert.equal(second.code, 0, second.stderr)
      assert.match(second.stderr, new RegExp(`${(5_000 - first.size + again).toLocaleString('en')} runs retried`))
      assert.deepEqual(await settled(), { completed: 5_000 - stubborn, failed: stubborn })
      for (const [id, times] of executed) assert.equal(times, id.endsWith('7') && first.has(id) ? 3 : 2, id)
    })

    it('and with the moment at which it began those alone that have not been retried', async (t) => {
      const { prefix, executed, settled, stubborn } = await failedRuns(t)
      const { rows } = await servers.pg.query('SELECT clock_timestamp() AS now')
      await interrupted(prefix)
      await settled()
      const second = await run(`runs retry --prefix ${prefix} --updated-before ${rows[0].now.toISOString()} --yes`)
      assert.equal(second.code, 0, second.stderr)
      assert.deepEqual(await settled(), { completed: 5_000 - stubborn, failed: stubborn })
      assert.deepEqual([...new Set(executed.values())], [2])
    })
  })

  it('purges what has been over for a while', async (t) => {
    const { prefix, ids } = await started(t, 3)
    for (const id of ids.slice(1)) await client.run(id).cancel()
    const asked = await run('runs purge --older-than 1h')
    assert.deepEqual([asked.code, asked.stdout], [0, '0 runs removed\n'])
    const refused = await run('runs purge --older-than 0s')
    assert.equal(refused.code, 4)
    assert.match(refused.stderr, /Remove for good: .* runs \(completed, failed, cancelled\)/)
    const { removed } = JSON.parse((await run('runs purge --older-than 0s --status cancelled --yes -o json')).stdout)
    assert.ok(removed >= 2)
    assert.deepEqual(await statuses(prefix), { running: 1 })
  })

  it('finds by tags, and says what is left of those that it removes', async (t) => {
    const { prefix, ids } = await started(t, 1)
    const tag = `of, ${prefix}`
    const tagged = ['--tag', tag]
    await client.startMany(
      'single',
      ['a', 'b', 'c'].map((end) => ({ runId: `${prefix}${end}`, tags: [tag, 'eu'] })),
    )
    const listed = await run(['runs', 'list', ...tagged, '--tag', 'eu', '-o', 'json'])
    const runs = JSON.parse(listed.stdout)
    assert.deepEqual(
      runs.map(({ runId, tags }) => [runId, tags]),
      ['a', 'b', 'c'].map((end) => [prefix + end, [tag, 'eu']]),
    )
    assert.match((await run(['runs', 'list', ...tagged])).stdout, /TAGS\n.* eu\n/)
    assert.match((await run(['runs', 'show', `${prefix}a`])).stdout, /^tags +of, \S+, eu$/m)
    const asked = await run(['runs', 'cancel', ...tagged])
    assert.match(asked.stderr, /^Cancel: 3 runs\n/)
    assert.equal((await run(['runs', 'cancel', ...tagged, '--limit', '2', '--yes'])).code, 0)
    const preview = await run(['runs', 'purge', '--older-than', '0s', ...tagged])
    assert.equal(preview.code, 4)
    assert.match(preview.stderr, new RegExp(`Remove for good: 2 runs .* with of, ${prefix} that changed last`))
    const purged = await run(['runs', 'purge', '--older-than', '0s', ...tagged, '--yes'])
    assert.deepEqual([purged.code, purged.stdout], [0, '2 runs removed\n'], purged.stderr)
    assert.match(purged.stderr, new RegExp(`Runs with of, ${prefix} that are still there: 1 running`))
    assert.deepEqual(await statuses(prefix), { running: 2 })
    assert.equal((await client.run(ids[0]).describe()).status, 'running')
  })
})
