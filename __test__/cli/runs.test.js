// Runs by the command line, on real servers.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createFlow } from 'flowcraft'
import { clientFor } from '../client/support/clients.js'
import { deferred } from '../fixtures/deferred.js'
import { onServers, openSharedServers, until } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf, FLOWS } from './support/cli.js'

let servers
let run
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
})
after(() => servers?.close())

const WITH = ['--blueprints', FLOWS]
const lines = (text) => text.trimEnd().split('\n')

describe('runs', onServers('the command line is a process of its own'), () => {
  it('are started, shown, resumed and waited for', async (t) => {
    await servers.workerFor(t, Object.values(flows))
    const runId = servers.runId()
    const context = JSON.stringify({ amount: 42 })
    const tags = ['--tag', 'customer:42', '--tag', 'a,b']
    const started = await run(['runs', 'start', 'order', ...WITH, '--run-id', runId, '--context', context, ...tags])
    assert.deepEqual([started.code, started.stdout], [0, `${runId}\n`], started.stderr)
    await servers.settled(runId, ['awaiting'])

    const again = await run(['runs', 'start', 'order', ...WITH, '--run-id', runId])
    assert.equal(again.code, 1)
    assert.match(again.stderr, /--on-conflict/)
    const same = await run(['runs', 'start', 'order', ...WITH, '--run-id', runId, '--on-conflict', 'use-existing'])
    assert.deepEqual([same.code, same.stdout], [0, `${runId}\n`])
    assert.match(same.stderr, /It was there/)

    const shown = await run(['runs', 'show', runId, ...WITH, '--with-context'])
    assert.equal(shown.code, 0, shown.stderr)
    assert.match(shown.stdout, /^status +awaiting$/m)
    assert.match(
      shown.stdout,
      /✔ charge +done +at \+[\d ms]+, took [\d ms]+\n└─ ⏸ approval +awaiting +at \+[\d ms]+, waited [\d ms]+; waits to be resumed\n {3}├─ – ship +not reached\n/,
    )
    assert.match(shown.stdout, /"amount": 42/)
    const flat = await run(`runs show ${runId}`)
    assert.match(flat.stdout, /✔ charge +done/)
    assert.match(flat.stderr, /--blueprints/)
    const described = await run.json(`runs show ${runId}`)
    assert.deepEqual([described.status, described.nodes.length], ['awaiting', 2])
    assert.deepEqual(described.tags, ['customer:42', 'a,b'])

    const late = await run(`runs result ${runId} --timeout 200ms`)
    assert.deepEqual([late.code, late.stdout], [5, ''], late.stderr)
    const wrong = await run(`runs resume ${runId} --node nowhere`)
    assert.equal(wrong.code, 1, wrong.stderr)
    assert.match(wrong.stdout, /refused/)

    const watching = run.start(['runs', 'watch', runId, '--interval', '100ms'])
    await until(() => watching.printed.stdout.includes('the run is awaiting'))
    const resumed = await run(['runs', 'resume', runId, '--data', '{"by":"ada"}'])
    assert.equal(resumed.code, 0, resumed.stderr)
    assert.match(resumed.stdout, new RegExp(`${runId} +resumed +goes on at approval`))
    const watched = await watching.done
    assert.equal(watched.code, 0, watched.stderr)
    assert.match(watched.stdout, /Z {2}close {2}done\n.*Z {2}the run is completed\n$/s)

    const { stdout, code } = await run(`runs result ${runId}`)
    const result = JSON.parse(stdout)
    assert.deepEqual([code, result['_outputs.approval'], result['_outputs.close']], [0, { by: 'ada' }, 'closed'])
    const told = await run.json(`runs result ${runId}`)
    assert.deepEqual([told.runId, told.status, told.context.amount], [runId, 'completed', 42])
    const ended = await run(['runs', 'show', runId, ...WITH])
    assert.match(ended.stdout, /^ended +.* ago\) \(took .*\)$/m)
    assert.match(ended.stdout, /✔ approval +done +at \+[\d ms]+, took [\d ms]+, waited [\d ms]+; execution 2\n/)
    const [approval, charge] = (await run.json(`runs show ${runId}`)).nodes
    assert.deepEqual([approval.nodeId, charge.worker, typeof charge.startedAt], ['approval', approval.worker, 'string'])
    const over = await run(`runs resume ${runId}`)
    assert.equal(over.code, 1)
  })

  it('that fail say why, end with 1, and are retried', async (t) => {
    await servers.workerFor(t, Object.values(flows))
    const runId = servers.runId()
    const failed = await run([
      'runs',
      'start',
      'failing',
      ...WITH,
      '--run-id',
      runId,
      '--wait',
      '--timeout',
      '20s',
      '-o',
      'json',
    ])
    assert.equal(failed.code, 1, failed.stderr)
    const { status, reason, nodeErrors } = JSON.parse(failed.stdout)
    assert.deepEqual([status, nodeErrors[0].nodeId], ['failed', 'pay'])
    assert.match(reason, /declined/)
    assert.match(failed.stderr, new RegExp(`runs retry ${runId}`))
    assert.equal((await run(`runs watch ${runId} -o json`)).code, 1)
    const shown = await run(`runs show ${runId} --errors`)
    assert.match(shown.stdout, /\n✖ pay {2}attempt 1, .* on .*\n {4}.*declined.*\n {6}at .*flows\.js/)
    const retried = await run(`runs retry ${runId}`)
    assert.deepEqual([retried.code, retried.stderr], [0, '1 of 1 run retried\n'], retried.stderr)
    assert.equal((await run(`runs result ${runId} --timeout 20s`)).code, 0)
  })

  it('are run again from a node, with another context and input', async (t) => {
    await servers.workerFor(t, Object.values(flows))
    const [first, second] = [servers.runId(), servers.runId()]
    await run(['runs', 'start', 'paid', ...WITH, '--run-id', first])
    await servers.settled(first, ['awaiting'])
    await run(['runs', 'send-event', first, '--event', 'payment:received', '--data', '7'])
    assert.equal((await run(`runs result ${first} --timeout 20s`)).code, 0)

    const rerun = (...flags) => run(['runs', 'rerun', first, ...WITH, ...flags])
    const changes = ['--run-id', second, '--context', '{"note":"again"}', '--input', '8']
    const again = await rerun('--from', 'thank', ...changes, '--wait', '--timeout', '20s', '-o', 'json')
    assert.equal(again.code, 0, again.stderr)
    const { runId, context } = JSON.parse(again.stdout)
    assert.deepEqual(
      [runId, context.note, context['_inputs.thank'], context['_outputs.payment']],
      [second, 'again', 8, 7],
    )
    const shown = await run(['runs', 'show', second, ...WITH])
    assert.match(shown.stdout, new RegExp(`^run again +from node 'thank' of run '${first}'$`, 'm'))
    assert.deepEqual((await run.json(`runs show ${second}`)).origin, { runId: first, nodeId: 'thank' })
    const compared = await run.json(`runs compare ${second}`)
    assert.deepEqual([compared.one.runId, compared.other.runId], [first, second])
    const changed = compared.context.differences.map(({ key, change, one, other }) => [key, change, one, other])
    assert.deepEqual(
      changed.find(([key]) => key === 'note'),
      ['note', 'added', undefined, 'again'],
    )
    assert.deepEqual(
      changed.find(([key]) => key === '_inputs.thank'),
      ['_inputs.thank', 'changed', 7, 8],
    )
    const lines = (await run(`runs compare ${first} ${second} --all`)).stdout
    assert.match(lines, new RegExp(`^run +${first} → ${second}$`, 'm'))
    assert.match(lines, /^\+ note {2}"again"$/m)
    assert.match(lines, /^= thank/m)
    const alone = await run(`runs compare ${first}`)
    assert.deepEqual([alone.code, /was not run again from another/.test(alone.stderr)], [2, true], alone.stderr)
    const there = await rerun('--from', 'thank', '--run-id', second)
    assert.deepEqual([there.code, /--on-conflict/.test(there.stderr)], [1, true], there.stderr)
    const same = await rerun('--from', 'thank', '--run-id', second, '--on-conflict', 'use-existing')
    assert.deepEqual([same.code, same.stdout], [0, `${second}\n`])

    for (const [flags, code, says] of [
      [['--from', 'nowhere'], 1, /'payment', 'thank'/],
      [[], 2, /--from/],
      [['--from', 'thank', '--context', '[]'], 2, /--context is a JSON object/],
      [['--from', 'thank', '--input', '{'], 2, /--input is not JSON/],
    ]) {
      const refused = await rerun(...flags)
      assert.deepEqual([refused.code, refused.stdout], [code, ''], refused.stderr)
      assert.match(refused.stderr, says)
    }
    const unknown = await run(['runs', 'rerun', first, '--from', 'thank'])
    assert.match(unknown.stderr, /--blueprints/)
  })

  it('are told of events, with data from a file or from standard input', async (t) => {
    await servers.workerFor(t, Object.values(flows))
    const runId = servers.runId()
    await run(['runs', 'start', 'paid', ...WITH, '--run-id', runId])
    await servers.settled(runId, ['awaiting'])
    assert.match((await run(`runs show ${runId}`)).stdout, /waits for event 'payment:received'/)
    const kept = await run.json(`runs send-event ${runId} --event other:event`)
    assert.match(kept[0].note, /it is kept/)
    const told = await run(`runs send-event ${runId} --event payment:received --data -`, { input: '{"amount":7}' })
    assert.deepEqual([told.code, /goes on at payment/.test(told.stdout)], [0, true], told.stderr)
    const { context } = await run.json(`runs result ${runId} --timeout 20s`)
    assert.deepEqual(context['_outputs.payment'], { amount: 7 })
  })

  it('show the child that a node waits for, and its parent', async (t) => {
    await servers.workerFor(t, Object.values(flows))
    const runId = servers.runId()
    await run(['runs', 'start', 'charged', ...WITH, '--run-id', runId])
    await servers.settled(runId, ['awaiting'])
    const [, child] = /waits for the end of its child run '([0-9a-f-]+)'/.exec((await run(`runs show ${runId}`)).stdout)
    await servers.settled(child, ['awaiting'])
    const shown = await run(`runs show ${child}`)
    assert.match(shown.stdout, new RegExp(`^child of +node 'charge' of run '${runId}'$`, 'm'))
    const cancelled = await run(['runs', 'cancel', runId, '--yes'])
    assert.equal(cancelled.code, 0, cancelled.stderr)
    assert.match((await run(`runs show ${child}`)).stdout, /^status +cancelled$/m)
  })

  it('show how far a node says that it is', async (t) => {
    const letGo = deferred()
    const flow = createFlow('import').node('pages', async ({ dependencies: { job } }) => {
      job.heartbeat({ page: 3, note: '\u009bhidden', long: 'x'.repeat(300) })
      await letGo.promise
      return {}
    })
    await servers.workerFor(t, flow)
    const client = clientFor(t, servers, flow)
    const { runId } = await client.start('import')
    await until(async () => (await client.run(runId).describe()).nodes[0].progress)
    const shown = await run(`runs show ${runId}`)
    assert.match(
      shown.stdout,
      /▶ pages +due .*progress \{"page":3,"note":"\\u009bhidden","long":"x{20,100}…, [\d ms]+ ago\n/,
    )
    const { progress } = (await run.json(`runs show ${runId}`)).nodes[0]
    assert.deepEqual([progress.value.page, progress.value.long.length, progress.attempt], [3, 300, 1])
    letGo.resolve()
    await client.run(runId).result({ timeoutMs: 20_000 })
    assert.doesNotMatch((await run(`runs show ${runId}`)).stdout, /progress/)
  })

  it('that are not there end with 1, whatever is asked of them', async () => {
    for (const line of ['runs show', 'runs result', 'runs watch']) {
      const { code, stdout, stderr } = await run(`${line} nowhere`)
      assert.deepEqual([code, stdout], [1, ''], line)
      assert.match(stderr, /runs list shows what there is/)
    }
    for (const line of ['runs cancel', 'runs retry', 'runs resume', 'runs delete']) {
      const { code, stdout } = await run(`${line} nowhere --yes -o jsonl`)
      assert.deepEqual([code, JSON.parse(stdout).code], [1, 'RUN_NOT_FOUND'], line)
    }
  })

  it('are listed in every format, by every filter, and counted', async (t) => {
    await servers.freshQueue()
    const client = clientFor(t, servers, [flows.single, flows.order])
    const prefix = `${servers.runId()}-`
    const ids = ['a', 'b', 'c', 'd'].map((end) => prefix + end)
    for (const runId of ids) await client.start(runId.endsWith('d') ? 'order' : 'single', { runId })
    await client.run(ids[1]).cancel('no')
    const found = async (line) =>
      (await run.json(`runs list --prefix ${prefix} ${line}`.trim())).map(({ runId }) => runId)
    assert.deepEqual(await found(''), ids)
    assert.deepEqual(await found('--desc --limit 2'), [ids[3], ids[2]])
    assert.deepEqual(await found('--status cancelled'), [ids[1]])
    assert.deepEqual(await found('--status cancelled,running --blueprint order'), [ids[3]])
    assert.deepEqual(await found('--status cancelled --status running'), ids)
    await client.run(ids[2]).pause()
    assert.deepEqual(await found('--paused'), [ids[2]])
    assert.deepEqual(await found('--not-paused --limit 2'), [ids[0], ids[1]])
    assert.deepEqual(await found('--error no'), [ids[1]])
    assert.deepEqual(await found('--error RUN_CANCELLED'), [ids[1]])
    assert.deepEqual(await found('--waiting-at approval'), [])
    assert.equal((await run('runs list --paused --not-paused')).code, 2)
    assert.match((await run(`runs unpause --paused --prefix ${prefix} --yes`)).stderr, /1 of 1 run /)
    assert.deepEqual(await found('--paused'), [])
    assert.deepEqual(await found('--updated-before 1h'), [])
    assert.deepEqual(await found('--created-before 2001-01-01'), [])
    assert.deepEqual(await found('--updated-before 0s'), ids)
    const table = lines((await run(`runs list --prefix ${prefix}`)).stdout)
    assert.deepEqual(
      [table.length, /^RUN +STATUS +BLUEPRINT +LAST CHANGED +STARTED$/.test(table[0])],
      [5, true],
      table[0],
    )
    assert.match(table[2], /cancelled +single +20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ \(.* ago\)/)
    const jsonl = lines((await run(`runs list --prefix ${prefix} -o jsonl`)).stdout).map((line) => JSON.parse(line))
    assert.deepEqual(
      jsonl.map(({ runId }) => runId),
      ids,
    )
    const none = await run('runs list --prefix nothing-begins-so')
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'No run matches.\n'])
    assert.deepEqual(await run.json('runs list --prefix nothing-begins-so'), [])
    const counts = await run.json('runs counts')
    assert.ok(
      counts.some(({ blueprintId, status, count }) => blueprintId === 'single' && status === 'cancelled' && count >= 1),
    )
    assert.match((await run('runs counts')).stdout, /^BLUEPRINT +STATUS +RUNS\n/)
    const steps = await run.json('runs throughput --within 1d --step 1h')
    assert.ok(steps.reduce((sum, { cancelled }) => sum + cancelled, 0) >= 1, JSON.stringify(steps))
    assert.match((await run('runs throughput')).stdout, /^FROM +COMPLETED +FAILED +CANCELLED\n20\d\d-/)
    assert.equal((await run('runs throughput --within 1h --step 1ms')).code, 2)
  })
})
