// Queues that are not as the workers declare them, that have no consumer, or too much in them.
import amqplib from 'amqplib'
import { startRuns } from '../support.js'

export const QUEUES = [
  {
    what: 'there is no such queue, and the workers take jobs from another',
    break: (world) => {
      world.flags = []
      world.real = world.queue
      world.queue = `${world.queue}-misspelt`
    },
    check: 'queue.arguments',
    level: 'note',
    found: /there is no queue 'world_\d+-jobs-misspelt'/,
    todo: /--queue names another queue/,
    mend: (world) => {
      world.queue = world.real
    },
  },
  {
    what: 'the queue was declared by somebody else, with a time to live',
    works: false,
    break: async (world) => {
      const amqp = await amqplib.connect(world.servers.urls.amqp)
      world.t.after(() => amqp.close())
      const channel = await amqp.createChannel()
      await channel.assertQueue(world.queue, { durable: true, messageTtl: 60_000 })
      await world.worker()
    },
    check: 'queue.arguments',
    level: 'note',
    found: /is not as the workers declare it: .*x-message-ttl.*60000/,
    todo: /rabbitmqctl delete_queue/,
    mend: async (world, finding) => {
      await world.adapter.stop()
      await world.obeyCtl(finding)
      await world.worker()
    },
  },
  {
    what: 'nobody consumes the queue, and jobs wait',
    works: false,
    break: (world) => startRuns(world, 'single', 3),
    check: 'queue.consumers',
    found: /nobody consumes the queue 'world_\d+-jobs'; 3 jobs wait/,
    todo: /start a worker with queueName: 'world_\d+-jobs'/,
    mend: (world) => world.worker(),
  },
  {
    what: 'all workers take jobs from another queue',
    works: false,
    break: async (world) => {
      await startRuns(world, 'single', 1)
      await world.worker({ queue: `${world.queue}-other` })
    },
    check: 'queue.consumers',
    found: /nobody consumes/,
    // Workers of other set-ups register in the same Redis.
    todo: /the registered workers take jobs from (.*, )?world_\d+-jobs-other(, .*)?: is --queue right\?/,
    mend: (world) => world.worker(),
  },
  {
    what: 'more waits than was allowed',
    works: false,
    break: async (world) => {
      world.flags = ['--max-backlog', '2']
      await startRuns(world, 'single', 5)
      // Somebody consumes, and takes nothing.
      const amqp = await amqplib.connect(world.servers.urls.amqp)
      const channel = await amqp.createChannel()
      await channel.prefetch(1)
      await channel.consume(world.queue, () => {})
      world.leave = () => amqp.close()
    },
    check: 'queue.backlog',
    found: /4 jobs wait in the queue 'world_\d+-jobs', more than 2/,
    todo: /start more workers/,
    mend: async (world) => {
      await world.leave()
      await world.worker()
      await world.settledDown()
    },
  },
  {
    what: 'there are dead letters',
    break: async (world) => {
      await world.publish('no job')
      await world.isDead(1)
    },
    check: 'queue.dead',
    found: /there is 1 dead letter in 'world_\d+-jobs\.dead'/,
    todo: /dead list says why.*dead replay --all.*dead purge --all/s,
    mend: (world) => world.run('dead purge --all --yes'),
  },
]
