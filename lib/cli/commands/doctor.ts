/** `doctor`. */

import { waitingRuns } from '../../client/queue-facts.js'
import { workersOf } from '../../client/workers.js'
import { oneLine } from '../../log.js'
import type { Call, Run } from '../command.js'
import type { Finding } from '../doctor/finding.js'
import { judgeFleet } from '../doctor/fleet.js'
import { lookAtPostgres } from '../doctor/postgres.js'
import { lookAtRabbitMq } from '../doctor/rabbitmq.js'
import { lookAtRedis } from '../doctor/redis.js'
import { EXIT } from '../exit.js'
import type { Style } from '../io.js'
import { shownJson } from '../output.js'
import { Servers } from '../servers.js'
import { counted, formatOf } from '../shown.js'

const MARKS: Record<Finding['level'], readonly [string, Style]> = {
  ok: ['✔', 'green'],
  note: ['!', 'yellow'],
  fault: ['✖', 'red'],
}

export const run: Run = (call) =>
  Servers.use(call, ['amqp', 'database'], async (servers) => {
    const { parsed, io } = call
    const bounds = { maxBacklog: parsed.number('max-backlog', { from: 0 }), maxAge: parsed.duration('max-age') }
    io.progress('looking ...')
    const [rabbitmq, postgres, redis] = await Promise.all([
      lookAtRabbitMq(servers),
      lookAtPostgres(servers),
      lookAtRedis(servers),
    ])
    const isRedisReached = !redis.some(({ level, check }) => level === 'fault' && /reach|login|tls/.test(check))
    const fleet = judgeFleet({
      names: servers.queues,
      queues: rabbitmq.examination?.queues,
      workers: postgres.isUsable && isRedisReached ? await unlessRefused(workersOf(servers.host().engine)) : undefined,
      waiting: postgres.isUsable ? await unlessRefused(waitingRuns(servers.database(), servers.settings)) : undefined,
      paused: postgres.isUsable ? ((await unlessRefused(servers.client().paused())) ?? []) : [],
      ...bounds,
    })
    const findings = [...rabbitmq.findings, ...postgres.findings, ...redis, ...fleet]
    await show(call, findings)
    return findings.some(({ level }) => level === 'fault') ? EXIT.notSo : EXIT.done
  })

/** What a server refuses was said before. */
function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(() => undefined)
}

async function show({ parsed, io }: Call, findings: readonly Finding[]): Promise<void> {
  const count = (wanted: Finding['level']) => findings.filter(({ level }) => level === wanted).length
  const [faults, notes] = [count('fault'), count('note')]
  const format = formatOf(parsed)
  if (format === 'json') await io.write(`${shownJson({ ok: faults === 0, findings }, 2)}\n`)
  else if (format === 'jsonl') for (const finding of findings) await io.write(`${shownJson(finding)}\n`)
  else {
    const width = Math.max(...findings.map(({ check }) => check.length))
    for (const { check, level, found, todo } of findings) {
      const [mark, style] = MARKS[level]
      await io.write(`${io.paint(style, mark)} ${io.paint('dim', check.padEnd(width))}  ${oneLine(found)}\n`)
      for (const line of todo) await io.write(`${' '.repeat(width + 4)}${io.paint('cyan', '→')} ${oneLine(line)}\n`)
    }
  }
  const said = [...(faults > 0 ? [counted(faults, 'fault')] : []), ...(notes > 0 ? [counted(notes, 'note')] : [])]
  io.note(said.length === 0 ? 'Everything is as it should be.' : `${said.join(', ')}.`, faults > 0 ? 'red' : undefined)
}
