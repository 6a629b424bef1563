// Starts within transactions that are committed after a while, and how long after its commit each run's message is in the queue.
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'
import pg from 'pg'
import { urls } from '../../fixtures/shared-servers.js'

const LANES = 20
const STARTS = 100
const LATEST_COMMIT = 2_000

/** The median and the longest wait of a hundred starts, in milliseconds. Their transactions go on for up to two seconds. */
export async function waitsAfterCommit(client, servers) {
  const arrivals = await Arrivals.of(servers.queue)
  try {
    const lanes = Array.from({ length: LANES }, (_, lane) => waitsOfLane(client, { servers, arrivals, lane }))
    const waits = (await Promise.all(lanes)).flat().sort((a, b) => a - b)
    return { count: waits.length, median: waits[waits.length >> 1], worst: waits.at(-1) }
  } finally {
    await arrivals.close()
  }
}

async function waitsOfLane(client, { servers, arrivals, lane }) {
  const transaction = new pg.Client({ connectionString: urls.direct })
  await transaction.connect()
  const waits = []
  for (let start = lane; start < STARTS; start += LANES) {
    const runId = servers.runId()
    await transaction.query('BEGIN')
    await client.start('greeting', { runId, context: { name: runId }, transaction })
    // The commits are spread over the time, and the lanes do not go in step.
    await sleep((((start * 37) % STARTS) * LATEST_COMMIT) / STARTS)
    await transaction.query('COMMIT')
    const committed = performance.now()
    waits.push((await arrivals.of(runId)) - committed)
  }
  await transaction.end()
  return waits
}

/** When the first message of each run arrives. */
class Arrivals {
  #known = new Map()

  static async of(queue) {
    const arrivals = new Arrivals()
    arrivals.connection = await amqplib.connect(urls.amqp)
    const channel = await arrivals.connection.createChannel()
    await channel.checkQueue(queue)
    const note = ({ content }) => arrivals.#entry(JSON.parse(content).runId).resolve(performance.now())
    await channel.consume(queue, note, { noAck: true })
    return arrivals
  }

  of(runId) {
    return this.#entry(runId).promise
  }

  close() {
    return this.connection.close()
  }

  #entry(runId) {
    let entry = this.#known.get(runId)
    if (!entry) {
      entry = {}
      entry.promise = new Promise((resolve) => {
        entry.resolve = resolve
      })
      this.#known.set(runId, entry)
    }
    return entry
  }
}
