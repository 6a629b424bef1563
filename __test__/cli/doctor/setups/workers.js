// Workers that are missing, lack a blueprint, or register elsewhere; runs that they leave alone.
import { flows } from '../../programs/flows.js'
import { start, WORKER } from '../../support/cli.js'
import { redisOf, startRuns } from '../support.js'

export const WORKERS = [
  {
    what: 'no worker has the blueprint of runs',
    works: false,
    break: async (world) => {
      await startRuns(world, 'single', 2)
      await world.servers.publisher // none of ours takes them away
      await world.worker({ has: [flows.order] })
      await world.isDead(2)
      await world.sql("UPDATE $s SET status = 'running'")
    },
    check: 'workers.blueprints',
    also: ['queue.dead'],
    found: /no registered worker has the blueprint 'single', which 2 running runs follow/,
    todo: /runtimeOptions\.blueprints.*dead replay/s,
    mend: async (world) => {
      await world.worker({ has: Object.values(flows) })
      await world.run('dead replay --all --yes')
      await world.settledDown()
    },
  },
  {
    what: 'a run has not changed for longer than was allowed',
    break: async (world) => {
      world.flags = ['--max-age', '1h']
      await world.sql(
        "INSERT INTO $c VALUES ('old', '{}'); INSERT INTO $s VALUES ('old', 'running', NULL, now() - interval '2 hours')",
      )
    },
    check: 'runs.age',
    found: /the oldest last changed 2 h ago/,
    todo: /runs list --status running --updated-before 3600s/,
    mend: (world) => world.sql('DELETE FROM $s; DELETE FROM $c'),
  },
  {
    what: 'the workers register in another Redis',
    sees: 'another Redis',
    break: (world) => redisOf(world, []),
    check: 'workers.registered',
    level: 'note',
    found: /no worker is registered for 'world_\d+-jobs', but 1 consumer works there/,
    todo: /compare REDIS_URL with that of the workers/,
    mend: (world, { todo }) => {
      if (!todo.join().startsWith('compare REDIS_URL')) throw new Error(todo.join())
      world.env.REDIS_URL = world.redisOfWorkers
    },
  },
  {
    what: 'the only worker was killed, and is still registered',
    works: false,
    break: async (world) => {
      const settings = {
        amqpConnection: world.env.AMQP_URL,
        pgClient: world.env.DATABASE_URL,
        redis: world.env.REDIS_URL,
        contextTableName: world.contextTable,
        statusTableName: world.statusTable,
        queueName: world.queue,
      }
      const env = { ...world.env, SETTINGS: JSON.stringify(settings) }
      const worker = start(['worker', WORKER], { env })
      world.t.after(() => worker.child.kill('SIGKILL'))
      await world.isRegistered(world.queue)
      worker.child.kill('SIGKILL')
      await worker.done
      await startRuns(world, 'single', 2)
    },
    check: 'queue.consumers',
    found: /^nobody consumes the queue 'world_\d+-jobs'; 2 jobs wait$/,
    todo: /^start a worker with queueName: 'world_\d+-jobs', or see why it does not run/,
    mend: async (world) => {
      await world.worker()
      await world.settledDown()
    },
  },
  {
    what: 'there are no workers at all',
    works: false,
    break: (world) => startRuns(world, 'single', 1),
    check: 'workers.registered',
    level: 'note',
    also: ['queue.consumers'],
    found: /no worker is registered for 'world_\d+-jobs'$/,
    todo: /flowcraft-rabbitmq worker/,
    mend: async (world) => {
      await world.worker()
      await world.settledDown()
    },
  },
]
