// A worker whose node says when it begins and when it ends, in lines of a file.
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RabbitMqAdapter, RedisCoordinationStore } from '@flowcraft/rabbitmq-adapter'
import { NullLogger } from 'flowcraft'
import { limited } from '../support.js'

const { redis, file, name, ms, limit, ...settings } = JSON.parse(process.env.SETTINGS)
let executions = 0

const flow = limited('calls', limit, async () => {
  executions += 1
  const execution = `${name}-${executions}`
  const say = (what) => appendFileSync(file, `${JSON.stringify({ execution, worker: name, what, at: Date.now() })}\n`)
  say('begins')
  await sleep(ms)
  say('ends')
  return {}
})

const adapter = new RabbitMqAdapter({
  ...settings,
  runtimeOptions: {
    blueprints: { calls: flow.toBlueprint() },
    registry: Object.fromEntries(flow.getFunctionRegistry()),
    logger: new NullLogger(),
  },
  coordinationStore: new RedisCoordinationStore(redis),
})
adapter.start()
process.stdout.write('started\n')
process.once('SIGTERM', () => adapter.stop())
