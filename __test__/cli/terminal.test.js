// What a terminal, a pipe and a hostile name make of the output: nothing.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { clientFor } from '../client/support/clients.js'
import { onServers, openSharedServers } from '../fixtures/shared-servers.js'
import { flows } from './programs/flows.js'
import { cliOf, FLOWS } from './support/cli.js'
import { ON_A_TERMINAL, terminalCommand } from './support/terminal.js'

let servers
let run
before(async () => {
  servers = await openSharedServers()
  run = cliOf(servers)
  await servers.freshQueue()
})
after(() => servers?.close())

/** What moves a cursor, colours, rings, or turns letters around; a line break ends a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const ESC = '\u001b'
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\u009b31m\u202eevil\r\u2028x\ttab'

const where = () => ['--contexts', servers.contextTable, '--statuses', servers.statusTable, '--queue', servers.queue]

const onTerminal = (args, options) => terminalCommand([...args, ...where()], options)

describe('hostile names', onServers('the command line is a process of its own'), () => {
  it('act upon no terminal, in any format, and come back from JSON as they were', async (t) => {
    const client = clientFor(t, servers, Object.values(flows))
    const runId = `${servers.runId()}${HOSTILE}`
    await client.start('single', { runId, context: { [`key${HOSTILE}`]: HOSTILE } })
    const lines = [
      ['runs', 'list'],
      ['runs', 'list', '-o', 'json'],
      ['runs', 'list', '-o', 'jsonl'],
      ['runs', 'show', runId, '--with-context'],
      ['runs', 'show', runId, '--with-context', '-o', 'json'],
      ['runs', 'result', runId, '--timeout', '1ms'],
      ['runs', 'cancel', runId],
      ['runs', 'cancel', '--prefix', runId],
      ['runs', 'retry', runId],
      ['runs', 'cancel', runId, '--yes', '--reason', HOSTILE],
      ['runs', 'show', runId],
      ['runs', 'watch', runId],
      ['runs', 'result', runId],
      ['runs', HOSTILE],
      ['runs', 'list', `--${HOSTILE}`],
      ['runs', 'list', '--status', HOSTILE],
      ['dead', 'show', HOSTILE],
      ['doctor'],
    ]
    for (const line of lines) {
      const { stdout, stderr } = await run(line)
      assert.doesNotMatch(stdout + stderr, ACTS, line.join(' '))
    }
    const [listed] = JSON.parse((await run(['runs', 'list', '--prefix', runId, '-o', 'json'])).stdout)
    assert.equal(listed.runId, runId)
    const shown = JSON.parse((await run(['runs', 'show', runId, '--with-context', '-o', 'json'])).stdout)
    assert.deepEqual([shown.reason, shown.context[`key${HOSTILE}`]], [HOSTILE, HOSTILE])
  })
})

describe('a pipe', onServers('the command line is a process of its own'), () => {
  let prefix
  let ids
  before(async () => {
    // As many as no buffer holds. Without contexts of a client's: made by PostgreSQL.
    prefix = `many-${servers.name}-`
    await servers.pg.query(
      `INSERT INTO ${servers.contextTable} SELECT $1 || lpad(n::text, 6, '0'), '{}' FROM generate_series(1, 100000) AS n`,
      [prefix],
    )
    await servers.pg.query(
      `INSERT INTO ${servers.statusTable} (run_id, status) SELECT $1 || lpad(n::text, 6, '0'), 'completed' FROM generate_series(1, 100000) AS n`,
      [prefix],
    )
    await servers.pg.query(`ANALYZE ${servers.contextTable}, ${servers.statusTable}`)
    ids = 100_000
  })

  it('that is closed early ends the command, quietly', async () => {
    for (const format of ['table', 'json', 'jsonl']) {
      const going = run.start(`runs list --prefix ${prefix} -o ${format}`)
      going.child.stdout.once('data', () => going.child.stdout.destroy())
      const { code, stderr } = await going.done
      assert.deepEqual([code, stderr], [141, ''], format)
    }
  })

  it('gets 100,000 runs page by page, in memory that does not grow with them', async () => {
    const spy = `data:text/javascript,${encodeURIComponent(
      "process.on('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS)))",
    )}`
    const least = await run(`runs list --prefix ${prefix} --limit 1000 -o jsonl`, { node: ['--import', spy] })
    const begin = performance.now()
    const all = await run(`runs list --prefix ${prefix} -o jsonl`, { node: ['--import', spy] })
    const seconds = (performance.now() - begin) / 1_000
    const found = new Set(
      all.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).runId),
    )
    assert.deepEqual([all.code, found.size], [0, ids])
    const grown = (Number(all.stderr) - Number(least.stderr)) / 1024
    assert.ok(grown < 60, `${grown} MiB more than a page takes`)
    assert.ok(seconds < 60, `${seconds} s`)
  })

  it('has no colour, nor where NO_COLOR is set; FORCE_COLOR brings it', async () => {
    const line = `runs list --prefix ${prefix} --limit 3`
    assert.doesNotMatch((await run(line)).stdout, ACTS)
    assert.match((await run(line, { env: { FORCE_COLOR: '1' } })).stdout, ACTS)
    assert.doesNotMatch((await run(line, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })).stdout, ACTS)
  })

  it('is interrupted quietly', async () => {
    const going = run.start(`runs list --prefix ${prefix} -o jsonl`)
    going.child.stdout.once('data', () => going.child.kill('SIGINT'))
    const { code, stderr } = await going.done
    assert.deepEqual([code, stderr], [130, ''])
  })
})

describe('a terminal', ON_A_TERMINAL, () => {
  it('is coloured, unless NO_COLOR is set', async () => {
    assert.match((await onTerminal(['runs', 'counts'])).printed, new RegExp(`${ESC}\\[2mBLUEPRINT`))
    assert.doesNotMatch(
      (await onTerminal(['runs', 'counts'], { env: { NO_COLOR: '1' } })).printed,
      new RegExp(`${ESC}\\[2m`),
    )
    assert.doesNotMatch((await onTerminal(['runs', 'counts'], { env: { TERM: 'dumb' } })).printed, new RegExp(ESC))
  })

  it('is asked: yes does it, anything else does not', async (t) => {
    const client = clientFor(t, servers, Object.values(flows))
    const { runId } = await client.start('single', { runId: servers.runId() })
    const no = await onTerminal(['runs', 'cancel', runId], { input: 'n\n' })
    assert.deepEqual([no.code, no.printed.includes('Nothing was done')], [4, true], no.printed)
    assert.equal((await client.run(runId).describe()).status, 'running')
    const yes = await onTerminal(['runs', 'cancel', runId], { input: 'y\n' })
    assert.equal(yes.code, 0, yes.printed)
    assert.equal((await client.run(runId).describe()).status, 'cancelled')
  })

  it('shows how far an action on many runs is', async (t) => {
    const client = clientFor(t, servers, Object.values(flows))
    const prefix = `${servers.runId()}-`
    await client.startMany(
      'single',
      Array.from({ length: 40 }, (_, at) => ({ runId: `${prefix}${at}` })),
    )
    const { code, printed } = await onTerminal(['runs', 'cancel', '--prefix', prefix, '--yes'])
    assert.equal(code, 0, printed)
    assert.match(printed, /█+░+ {2}\d+ of 40 runs cancelled/)
  })

  it('shows a run live, drawn over', async (t) => {
    const client = clientFor(t, servers, Object.values(flows))
    const { runId } = await client.start('single', { runId: servers.runId() })
    const on = { text: 'running', act: () => void client.run(runId).cancel('enough') }
    const line = ['runs', 'watch', runId, '--blueprints', FLOWS, '--interval', '200ms']
    const { code, printed } = await onTerminal(line, { on })
    assert.equal(code, 1, printed)
    assert.match(printed, new RegExp(`${ESC}\\[\\d+A${ESC}\\[0J`))
    assert.match(printed, /enough/)
  })
})
