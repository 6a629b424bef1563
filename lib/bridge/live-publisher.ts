/** Publishes over a live amqplib connection, on one channel with confirms. */

import { withinTime } from './deadline.js'
import { type Arguments, ensure, type LiveAmqpConnection, type LiveConfirmChannel } from './live-channels.js'
import type { LiveMessage as Outgoing } from './native.js'

/** The publishing channel, and what has happened on it. */
interface Publishing {
  channel: LiveConfirmChannel
  declared: Map<string, Promise<unknown>>
  /** Ids of messages the broker could not route to a queue. */
  returned: Set<string>
}

export class LivePublisher {
  readonly #connection: LiveAmqpConnection
  /** How long a confirm may take, in milliseconds. */
  readonly #timeout: number
  /** RabbitMQ lets nobody publish for the moment. */
  #blocked = false
  #opened: Promise<Publishing> | undefined
  #lastMessage = 0

  constructor(connection: LiveAmqpConnection, timeout: number) {
    this.#connection = connection
    this.#timeout = timeout
  }

  /** RabbitMQ lets nobody publish for the moment, or does again. */
  hold(isBlocked: boolean): void {
    this.#blocked = isBlocked
  }

  /** Nobody uses a channel again that confirmed nothing in time. The connection is the user's. */
  async publish(message: Outgoing): Promise<void> {
    const silent = 'The amqplib connection does not answer (option publishTimeout)'
    try {
      await withinTime(this.#publish(message), this.#timeout, silent, () => this.#blocked)
    } catch (error) {
      this.#opened = undefined
      throw error
    }
  }

  async declare(queue: string, declared: Arguments): Promise<void> {
    const { channel } = await this.#open()
    await ensure(this.#connection, { channel, queue, declared })
  }

  /** Uses its channel no longer, and closes it as soon as `others` are closed. */
  async close(others: Promise<unknown>): Promise<void> {
    const opened = this.#opened
    this.#opened = undefined
    await others
    await opened?.then(({ channel }) => channel.close()).catch(() => {})
  }

  async #publish({ queue, queues, body, headers, priority }: Outgoing): Promise<void> {
    const { channel, declared, returned } = await this.#open()
    for (const [name, declaration] of Object.entries(JSON.parse(queues) as Record<string, Arguments>)) {
      const declaring = declared.get(name) ?? ensure(this.#connection, { channel, queue: name, declared: declaration })
      declared.set(name, declaring)
      declaring.catch(() => declared.delete(name))
      await declaring
    }
    const messageId = String(++this.#lastMessage)
    await new Promise<void>((resolve, reject) => {
      const options = {
        persistent: true,
        mandatory: true,
        contentType: 'application/json',
        headers: JSON.parse(headers),
        ...(typeof priority === 'number' && { priority }),
        messageId,
      }
      channel.publish('', queue, body, options, (error) => {
        if (error) reject(error instanceof Error ? error : new Error('the broker did not take the message'))
        else if (returned.delete(messageId)) reject(new Error(`the queue '${queue}' does not exist`))
        else resolve()
      })
    })
  }

  #open(): Promise<Publishing> {
    this.#opened ??= this.#connection.createConfirmChannel().then(
      (channel) => {
        const publishing: Publishing = { channel, declared: new Map(), returned: new Set() }
        const forget = () => {
          this.#opened = undefined
        }
        channel.on('error', forget)
        channel.on('close', forget)
        channel.on('return', (message) => publishing.returned.add(message.properties.messageId ?? ''))
        return publishing
      },
      (error: unknown) => {
        this.#opened = undefined
        throw error
      },
    )
    return this.#opened
  }
}
