// A client's own publisher: every message is published again, on a new connection if need be, until the broker has
// confirmed it. What it then promises is what the tests hold the engine to.
import { setTimeout as sleep } from 'node:timers/promises'
import amqplib from 'amqplib'

export class Publisher {
  #url
  #open

  constructor(url) {
    this.#url = url
  }

  /** Resolves when the message is confirmed; it may then be in the queue more than once. */
  async publish(queue, message, patience = 60_000) {
    const body = Buffer.from(JSON.stringify(message))
    for (const deadline = Date.now() + patience; ; ) {
      try {
        const { channel, lost } = await this.#channel()
        await Promise.race([lost, channel.assertQueue(queue, { durable: true })])
        await Promise.race([lost, confirmed(channel, queue, body)])
        return
      } catch (error) {
        if (Date.now() > deadline) throw error
        await sleep(20)
      }
    }
  }

  async close() {
    const open = await this.#open?.catch(() => {})
    await open?.connection.close().catch(() => {})
  }

  #channel() {
    this.#open ??= this.#connect().catch((error) => {
      this.#open = undefined
      throw error
    })
    return this.#open
  }

  async #connect() {
    const connection = await amqplib.connect(this.#url)
    connection.on('error', () => {})
    const channel = await connection.createConfirmChannel()
    channel.on('error', () => {})
    const lost = new Promise((_, reject) => {
      const forget = () => {
        this.#open = undefined
        connection.close().catch(() => {})
        reject(new Error('The connection was lost'))
      }
      connection.once('close', forget)
      channel.once('close', forget)
    })
    lost.catch(() => {})
    return { connection, channel, lost }
  }
}

function confirmed(channel, queue, body) {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, body, { persistent: true }, (error) => (error ? reject(error) : resolve()))
  })
}
