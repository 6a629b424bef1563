/**
 * A live amqplib connection, driven for the engine. amqplib keeps no credentials, so Rust can not open a
 * connection of its own from it: the channels are opened and used here, behind the same interface.
 */
import { Broker, type LiveMessage as Outgoing } from './native.js'

/** What is used of an amqplib connection (`ChannelModel`, 0.10 to 2, with or without recovery). */
export interface LiveAmqpConnection {
  createChannel(): Promise<LiveChannel>
  createConfirmChannel(): Promise<LiveConfirmChannel>
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Only a connection with recovery has it. */
  waitForConnect?: unknown
}

interface LiveChannel {
  assertQueue(queue: string, options: Record<string, unknown>): Promise<unknown>
  prefetch(count: number): Promise<unknown>
  consume(queue: string, onMessage: (message: LiveMessage | null) => void): Promise<{ consumerTag: string }>
  cancel(consumerTag: string): Promise<unknown>
  ack(message: LiveMessage): void
  nack(message: LiveMessage, allUpTo: boolean, requeue: boolean): void
  close(): Promise<void>
  on(event: string, listener: (argument: LiveMessage & Error) => void): unknown
}

interface LiveConfirmChannel extends LiveChannel {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Record<string, unknown>,
    onConfirm: (error: unknown) => void,
  ): boolean
}

interface LiveMessage {
  content: Buffer
  fields: { redelivered: boolean }
  properties: { messageId?: string }
}

/** The publishing channel, and what has happened on it. */
interface Publisher {
  channel: LiveConfirmChannel
  declared: Map<string, Promise<unknown>>
  /** Ids of messages the broker could not route to a queue. */
  returned: Set<string>
}

interface Delivered {
  channel: LiveChannel
  message: LiveMessage
}

export class LiveAmqp {
  readonly broker: Broker
  readonly #connection: LiveAmqpConnection
  #publisher: Promise<Publisher> | undefined
  #consumer: { channel: LiveChannel; tag: string } | undefined
  /** Unsettled deliveries by their number; those of a lost channel are forgotten with it. */
  readonly #delivered = new Map<number, Delivered>()
  #lastNumber = 0
  #lastMessage = 0
  /** Why the connection will not come back. */
  #gone: string | undefined

  constructor(connection: LiveAmqpConnection) {
    this.#connection = connection
    this.broker = Broker.live({
      publish: (message: Outgoing) => this.#publish(message),
      consume: (queue: string, prefetch: number) => this.#consume(queue, prefetch),
      settle: (number: number, ack: boolean) => this.#settle(number, ack),
      cancel: () => this.#cancel(),
      close: () => this.#close(),
    })
    const recovers = typeof connection.waitForConnect === 'function'
    connection.on('close', () => this.#lose('The amqplib connection was closed'))
    if (recovers) connection.on('reconnect-failed', () => this.#lose('The amqplib connection gave up reconnecting'))
    // An 'error' event without a listener would end the user's process; 'close' follows it.
    connection.on('error', () => {})
  }

  #lose(reason: string): void {
    const remedy = 'pass a URL, or connect with amqplib 2 and its recovery option, to have the worker reconnect'
    this.#gone = `${reason}; ${remedy}`
    this.broker.lost(this.#gone, true)
  }

  async #publish({ queue, firstQueue, delay, body, headers }: Outgoing): Promise<void> {
    const { channel, declared, returned } = await this.#openPublisher()
    const declare = (name: string, options: Record<string, unknown>) => {
      if (!declared.has(name)) declared.set(name, channel.assertQueue(name, { durable: true, ...options }))
      return declared.get(name)
    }
    await declare(queue, {})
    if (delay > 0) await declare(firstQueue, { messageTtl: delay, deadLetterExchange: '', deadLetterRoutingKey: queue })
    const messageId = String(++this.#lastMessage)
    await new Promise<void>((resolve, reject) => {
      const options = {
        persistent: true,
        mandatory: true,
        contentType: 'application/json',
        headers: JSON.parse(headers),
        messageId,
      }
      channel.publish('', firstQueue, body, options, (error) => {
        if (error) reject(error instanceof Error ? error : new Error('the broker did not take the message'))
        else if (returned.delete(messageId)) reject(new Error(`the queue '${firstQueue}' does not exist`))
        else resolve()
      })
    }).catch((error: unknown) => {
      this.#publisher = undefined
      throw error
    })
  }

  #openPublisher(): Promise<Publisher> {
    this.#publisher ??= this.#connection.createConfirmChannel().then(
      (channel) => {
        const publisher: Publisher = { channel, declared: new Map(), returned: new Set() }
        const forget = () => {
          this.#publisher = undefined
        }
        channel.on('error', forget)
        channel.on('close', forget)
        channel.on('return', (message) => publisher.returned.add(message.properties.messageId ?? ''))
        return publisher
      },
      (error: unknown) => {
        this.#publisher = undefined
        throw error
      },
    )
    return this.#publisher
  }

  async #consume(queue: string, prefetch: number): Promise<void> {
    if (this.#gone !== undefined) {
      this.broker.lost(this.#gone, true)
      throw new Error(this.#gone)
    }
    const channel = await this.#connection.createChannel()
    let open = true
    const lost = (reason: string) => {
      if (!open) return
      open = false
      for (const [number, delivered] of this.#delivered)
        if (delivered.channel === channel) this.#delivered.delete(number)
      this.broker.lost(reason, false)
    }
    channel.on('error', (error) => lost(`The channel failed: ${error.message}`))
    channel.on('close', () => lost('The channel was closed'))
    await channel.prefetch(prefetch)
    await channel.assertQueue(queue, { durable: true })
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) return lost('The broker cancelled the consumer')
      const number = ++this.#lastNumber
      this.#delivered.set(number, { channel, message })
      this.broker.deliver(number, message.content, message.fields.redelivered)
    })
    this.#consumer = { channel, tag: consumerTag }
  }

  #settle(number: number, ack: boolean): void {
    const delivered = this.#delivered.get(number)
    if (!delivered) return
    this.#delivered.delete(number)
    try {
      if (ack) delivered.channel.ack(delivered.message)
      else delivered.channel.nack(delivered.message, false, true)
    } catch {
      // The channel is closed: the broker delivers the message again, and its work is found done.
    }
  }

  async #cancel(): Promise<void> {
    const consumer = this.#consumer
    if (consumer) await consumer.channel.cancel(consumer.tag).catch(() => {})
  }

  async #close(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    const publisher = this.#publisher
    this.#publisher = undefined
    await consumer?.channel.close().catch(() => {})
    await publisher?.then(({ channel }) => channel.close()).catch(() => {})
  }
}
