// The frame of the command line: help, what it makes of a wrong line, where settings come from, exit codes.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { COMMANDS } from '../../dist/cli/commands.js'
import { clock, lengthOf, millisecondsOf, momentOf } from '../../dist/cli/durations.js'
import { flagsOf } from '../../dist/cli/shared-flags.js'
import { cli, FLOWS, SERVERS } from './support/cli.js'

const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))

/** A folder with a file of settings, removed with the test. */
async function folderWith(t, settings) {
  const folder = await mkdtemp(join(tmpdir(), 'flowcraft-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, '.flowcraft.json'), typeof settings === 'string' ? settings : JSON.stringify(settings))
  return folder
}

describe('the help', () => {
  it('lists every command, and ends with 2 where none was given', async () => {
    const [asked, none] = await Promise.all([cli(['--help']), cli([])])
    for (const { name, summary } of COMMANDS) {
      assert.ok(asked.stdout.includes(name), name)
      assert.match(summary, /^[A-Z].*\.$/, name)
    }
    assert.deepEqual([asked.code, asked.stderr, none.code, none.stdout], [0, '', 2, asked.stdout])
  })

  for (const { name, examples } of COMMANDS) {
    it(`of '${name}' has its flags, examples and exit codes, and needs no server`, async () => {
      const { code, stdout, stderr } = await cli([...name.split(' '), '--help'])
      assert.deepEqual([code, stderr], [0, ''])
      for (const flag of Object.keys(flagsOf(COMMANDS.find((each) => each.name === name)))) {
        assert.ok(stdout.includes(`--${flag}`), flag)
      }
      assert.ok(examples.length > 0 && examples.every(({ line }) => stdout.includes(line) && line.startsWith(name)))
      assert.match(stdout, /Exit codes\n {2}0 /)
      for (const line of stdout.split('\n')) assert.ok(line.length <= 130, line)
    })
  }

  it('is asked for by `help` too, of a command and of a group', async () => {
    const [one, other] = await Promise.all([cli(['help', 'runs', 'list']), cli(['runs', 'list', '-h'])])
    assert.equal(one.stdout, other.stdout)
    const { stdout } = await cli(['dead', '--help'])
    assert.ok(stdout.includes('dead replay') && !stdout.includes('runs list'))
  })

  it('says the version', async () => {
    assert.deepEqual((await cli(['--version'])).stdout, `${version}\n`)
  })
})

describe('flags', () => {
  it('of one name take the same kind of value, and have the same letter, in every command', () => {
    const seen = new Map()
    for (const [name, { value, short, many }] of COMMANDS.flatMap((command) => Object.entries(flagsOf(command)))) {
      const kind = JSON.stringify([value !== undefined, short, many])
      assert.equal(seen.get(name) ?? kind, kind, name)
      seen.set(name, kind)
    }
  })
})

describe('a line that is wrong', () => {
  for (const [line, says] of [
    [['rnus', 'list'], /There is no command 'rnus'.*did you mean 'flowcraft-rabbitmq runs'/s],
    [['runs', 'lsit'], /There is no command 'runs lsit'.*did you mean 'flowcraft-rabbitmq runs list'/s],
    [['runs'], /'runs' needs a word after it: list, show/],
    [['runs', 'list', '--stauts', 'failed'], /has no flag --stauts.*did you mean --status\?/s],
    [['runs', 'list', '-x'], /has no flag -x/],
    [['runs', 'list', '--status'], /--status needs a value: <status>/],
    [['runs', 'list', '--status', '--desc'], /--status needs a value/],
    [['runs', 'list', '--status', 'done'], /--status takes running, awaiting.*not 'done'/],
    [['runs', 'list', '--limit', '0'], /--limit takes a whole number from 1/],
    [['runs', 'list', '--limit', '1.5'], /--limit takes a whole number/],
    [['runs', 'list', '--updated-before', 'yesterday'], /--updated-before takes a date/],
    [['runs', 'list', '--desc=yes'], /--desc takes no value/],
    [['runs', 'list', '--blueprint', 'a', '--blueprint', 'b'], /--blueprint was given twice/],
    [['runs', 'list', 'order-17'], /does not know what to do with 'order-17'/],
    [['runs', 'list', '-o', 'xml'], /-o takes table, json, jsonl, not 'xml'/],
    [['runs', 'show'], /'runs show' needs <run-id>/],
    [['runs', 'cancel'], /Which runs\?/],
    [['runs', 'cancel', 'order-17', '--blueprint', 'order'], /not by both/],
    [['runs', 'purge'], /--older-than 30d/],
    [['runs', 'purge', '--older-than', '30'], /takes a length of time/],
    [['runs', 'purge', '--older-than', '1d', '--status', 'running'], /only what is over/],
    [['runs', 'send-event', 'order-17'], /Which event\?/],
    [['runs', 'resume', 'order-17', '--data', '{'], /--data is not JSON/],
    [['runs', 'resume', 'order-17', '--data', '@/nowhere'], /cannot be read/],
    [['runs', 'start', 'order'], /its blueprint has to be known/],
    [['runs', 'start', 'order', '--blueprints', './nowhere.js'], /There is no module/],
    [['runs', 'start', 'ordr', '--blueprints', './flows.js'], /did you mean 'order'\?/],
    [['runs', 'start', 'order', '--blueprints', './flows.js', '--context', '[1]'], /--context is a JSON object/],
    [['reconcile'], /--blueprints/],
    [['dead', 'purge'], /Which dead letters\?/],
    [['dead', 'replay', 'a', '--all'], /not by both/],
    [['completion', 'tcsh'], /one of bash, zsh, fish, not 'tcsh'/],
    [['worker', './flows.js'], /exports no adapter/],
    [['doctor', '--amqp', 'http://localhost'], /amqpConnection/],
    [['doctor', '--database', 'memory:'], /inside one process/],
  ]) {
    it(`ends with 2 and says what is wrong: ${line.join(' ')}`, async () => {
      const { code, stdout, stderr } = await cli(line, { env: SERVERS })
      assert.deepEqual([code, stdout], [2, ''], stderr)
      assert.match(stderr, says)
    })
  }
})

describe('settings', () => {
  it('say who was not named, and how to', async () => {
    const { code, stderr } = await cli(['runs', 'list'])
    assert.equal(code, 2)
    assert.match(stderr, /The address of PostgreSQL is not set.*export DATABASE_URL=.*--database.*"pgClient"/s)
  })

  it('come from flags before the environment, and from that before the file', async (t) => {
    const cwd = await folderWith(t, { history: {}, rabbitmq: { pgClient: 'postgres://127.0.0.1:3/file' } })
    const reached = async (args, env) => (await cli(['runs', 'list', ...args], { cwd, env })).stderr
    assert.match(await reached([], {}), /ECONNREFUSED|refused/i)
    const doctor = async (args, env) => {
      const { stdout } = await cli(['doctor', '-o', 'json', '--amqp', 'amqp://127.0.0.1:9', ...args], { cwd, env })
      return JSON.parse(stdout).findings.find(({ check }) => check === 'postgres.reach')
    }
    assert.match((await doctor([], {})).found, /127\.0\.0\.1:3/)
    assert.match((await doctor([], {})).todo[0], /\.flowcraft\.json/)
    assert.match((await doctor([], { DATABASE_URL: 'postgres://127.0.0.1:4/env' })).found, /127\.0\.0\.1:4/)
    const flag = await doctor(['--database', 'postgres://127.0.0.1:5/flag'], {
      DATABASE_URL: 'postgres://127.0.0.1:4/env',
    })
    assert.match(flag.found, /127\.0\.0\.1:5/)
    assert.match(flag.todo[0], /--database/)
  })

  it('of the file may be objects of options, and name a module from its folder', async (t) => {
    const server = { host: '127.0.0.1', port: 3, user: 'ada', database: 'shop' }
    const cwd = await folderWith(t, {
      rabbitmq: { pgClient: server, amqpConnection: { hostname: '127.0.0.1', port: 9 } },
    })
    const { stdout } = await cli(['doctor', '-o', 'json'], { cwd })
    const found = JSON.parse(stdout).findings.map((finding) => finding.found)
    assert.ok(
      found.some((each) => each.includes('nothing listens at 127.0.0.1:3')),
      stdout,
    )
    assert.ok(
      found.some((each) => each.includes('nothing listens at 127.0.0.1:9')),
      stdout,
    )
    const folder = await folderWith(t, {})
    await writeFile(join(folder, 'own.json'), JSON.stringify({ rabbitmq: { blueprints: relative(folder, FLOWS) } }))
    const { stderr } = await cli(['runs', 'start', 'ordr', '--config', join(folder, 'own.json')], { env: SERVERS })
    assert.match(stderr, /did you mean 'order'/)
  })

  it('that are misspelt in the file are named with the nearest there is', async (t) => {
    for (const [rabbitmq, says] of [
      [{ pgCleint: 'x' }, /rabbitmq\.pgCleint': did you mean 'rabbitmq\.pgClient'/],
      [{ pgClient: { hots: 'x' } }, /did you mean 'rabbitmq\.pgClient\.host'/],
      [{ queueName: 7 }, /rabbitmq\.queueName/],
      [{ queueType: 'stream' }, /rabbitmq\.queueType.*'classic' or 'quorum'/],
      ['amqp://', /"rabbitmq" in .* is an object/],
    ]) {
      const { code, stderr } = await cli(['runs', 'list'], { cwd: await folderWith(t, { rabbitmq }) })
      assert.equal(code, 2)
      assert.match(stderr, says)
    }
  })

  it('of a file that is no JSON are not repeated: they may be a password', async (t) => {
    const cwd = await folderWith(t, '{"rabbitmq":{"pgClient":"postgres://u:hunter2@h/d",}}')
    const { code, stderr } = await cli(['runs', 'list'], { cwd })
    assert.equal(code, 2)
    assert.match(stderr, /\.flowcraft\.json is not JSON/)
    assert.doesNotMatch(stderr, /hunter2/)
    assert.match((await cli(['runs', 'list', '--config', 'nowhere.json'])).stderr, /There is no file nowhere\.json/)
  })

  it('of flowcraft’s own command line are left alone', async (t) => {
    const cwd = await folderWith(t, { history: { type: 'sqlite' } })
    assert.match((await cli(['runs', 'list'], { cwd })).stderr, /The address of PostgreSQL is not set/)
  })
})

describe('a server that cannot be reached', () => {
  it('ends with 3 and names the doctor; no credential is shown', async () => {
    const env = { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:9/d', AMQP_URL: 'amqp://u:hunter2@127.0.0.1:9' }
    for (const line of ['runs list', 'runs show x', 'dead list', 'queues', 'migrate status', 'doctor']) {
      const { code, stdout, stderr } = await cli(line.split(' '), { env })
      assert.equal(code, line === 'doctor' ? 1 : 3, stderr)
      assert.doesNotMatch(stdout + stderr, /hunter2/, line)
      if (line !== 'doctor') assert.match(stderr, /flowcraft-rabbitmq doctor/, line)
    }
  })
})

describe('times', () => {
  it('are read as people write them', () => {
    const read = {
      '500ms': 500,
      '30s': 30_000,
      '1.5m': 90_000,
      '2h': 7_200_000,
      '7d': 604_800_000,
      '1h30m': 5_400_000,
      '1w': 604_800_000,
    }
    for (const [text, expected] of Object.entries(read)) assert.equal(millisecondsOf(text), expected, text)
    for (const text of ['', '30', 's', '-5m', '5 x', '5mm', '1h30', 'yesterday'])
      assert.equal(millisecondsOf(text), undefined, text)
    assert.equal(momentOf('2h', 7_200_001).getTime(), 1)
    assert.equal(momentOf('2026-11-27', 0).toISOString(), '2026-11-27T00:00:00.000Z')
    for (const text of ['2026-13-01', 'soon', '17']) assert.equal(momentOf(text, 0), undefined, text)
  })

  it('are shown in their two largest units', () => {
    const shown = {
      0: '0 ms',
      999: '999 ms',
      1000: '1 s',
      61500: '1 m 1 s',
      3600000: '1 h',
      90061000: '1 d 1 h',
      864000000: '10 d',
    }
    for (const [length, expected] of Object.entries(shown)) assert.equal(lengthOf(Number(length)), expected)
    assert.equal(clock(new Date(0)), '1970-01-01 00:00:00Z')
  })
})
