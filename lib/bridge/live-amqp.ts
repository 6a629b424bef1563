/**
 * A live amqplib connection, driven for the engine. amqplib keeps no credentials, so Rust cannot open a
 * connection of its own from it: the channels are opened and used here, behind the same interface.
 */

import type { QueueType } from '../options/adapter.js'
import { withinTime } from './deadline.js'
import { ensure, type LiveAmqpConnection, type LiveChannel, type LiveMessage, look, texts } from './live-channels.js'
import { LivePublisher } from './live-publisher.js'
import { Broker, type LiveRead, type LiveMessage as Outgoing } from './native.js'

/** What the adapter's options say of it. */
export interface LiveSettings {
  queueType: QueueType | undefined
  /** The greatest priority that queues tell apart. */
  maxPriority?: number | undefined
  /** How long it may take until a consumer is open, in milliseconds. */
  connectTimeout: number
  /** How long a confirm may take, in milliseconds. */
  publishTimeout: number
}

interface Delivered {
  channel: LiveChannel
  message: LiveMessage
}

/** What drives each broker: held for as long as the broker is. */
const drivers = new WeakMap<Broker, LiveAmqp>()

/** Who uses a connection: however many they are, the connection has one listener of ours for each event. */
const users = new WeakMap<LiveAmqpConnection, Set<WeakRef<LiveAmqp>>>()

/** The broker over a live connection. */
export function liveBroker(connection: LiveAmqpConnection, settings: LiveSettings): Broker {
  const live = new LiveAmqp(connection, settings)
  drivers.set(live.broker, live)
  usersOf(connection).add(new WeakRef(live))
  return live.broker
}

/** Those who use a connection; what happens to it, they are told. */
function usersOf(connection: LiveAmqpConnection): Set<WeakRef<LiveAmqp>> {
  const known = users.get(connection)
  if (known) {
    for (const user of known) if (user.deref() === undefined) known.delete(user)
    return known
  }
  const all = new Set<WeakRef<LiveAmqp>>()
  users.set(connection, all)
  const lose = (reason: string) => {
    for (const user of all) user.deref()?.lose(reason)
  }
  connection.on('close', () => lose('The amqplib connection was closed'))
  if (typeof connection.waitForConnect === 'function')
    connection.on('reconnect-failed', () => lose('The amqplib connection gave up reconnecting'))
  const hold = (isBlocked: boolean) => {
    for (const user of all) user.deref()?.hold(isBlocked)
  }
  connection.on('blocked', () => hold(true))
  connection.on('unblocked', () => hold(false))
  // An 'error' event without a listener would end the user's process; 'close' follows it.
  connection.on('error', () => {})
  return all
}

class LiveAmqp {
  readonly broker: Broker
  readonly #connection: LiveAmqpConnection
  readonly #settings: LiveSettings
  readonly #publisher: LivePublisher
  /** By queue. */
  readonly #consumers = new Map<string, { channel: LiveChannel; tag: string; forget: () => void }>()
  /** Channels of consumers that are cancelled: each closes once all that came over it is settled. */
  readonly #cancelled = new Set<LiveChannel>()
  /** Unsettled deliveries by their number; those of a lost channel are forgotten with it. */
  readonly #delivered = new Map<number, Delivered>()
  /** Queues being looked at, by their number. */
  readonly #readings = new Map<number, { channel: LiveChannel; queue: string }>()
  #lastNumber = 0
  /** Why the connection will not come back. */
  #gone: string | undefined

  constructor(connection: LiveAmqpConnection, settings: LiveSettings) {
    this.#connection = connection
    this.#settings = settings
    this.#publisher = new LivePublisher(connection, settings.publishTimeout)
    const held = new WeakRef(this)
    // The engine holds it weakly: a broker that nobody holds can be freed.
    const live = () => {
      const driver = held.deref()
      if (driver === undefined) throw new Error('the adapter is gone')
      return driver
    }
    const functions = {
      publish: async (message: Outgoing) => live().#publisher.publish(message),
      declare: async (queue: string, declared: string) => live().#publisher.declare(queue, JSON.parse(declared)),
      consume: async (queue: string, declared: string, prefetch: number) =>
        live().#consumeInTime(queue, declared, prefetch),
      settle: (number: number, ack: boolean) => {
        const driver = held.deref()
        if (driver) driver.#settle(number, ack)
      },
      cancel: async (queue: string) => live().#cancel(queue),
      waiting: async (queue: string) => (await look(live().#connection, queue))?.messageCount ?? null,
      consumers: async (queue: string) => (await look(live().#connection, queue))?.consumerCount ?? null,
      openReading: async (queue: string) => live().#openReading(queue),
      readNext: async (reading: number) => live().#readNext(reading),
      closeReading: async (reading: number) => live().#closeReading(reading),
      close: async () => live().#close(),
    }
    this.broker = Broker.live(
      functions,
      JSON.stringify({ queueType: settings.queueType, maxPriority: settings.maxPriority }),
    )
  }

  /** The connection is lost and will not come back. */
  lose(reason: string): void {
    const remedy = 'pass a URL, or connect with amqplib 2 and its recovery option, to have the worker reconnect'
    this.#gone = `${reason}; ${remedy}`
    this.broker.lostForGood(this.#gone)
  }

  /** RabbitMQ lets nobody publish for the moment, or does again. */
  hold(isBlocked: boolean): void {
    this.#publisher.hold(isBlocked)
    this.broker.setBlocked(isBlocked)
  }

  async #consumeInTime(queue: string, declared: string, prefetch: number): Promise<void> {
    const asked = { inTime: true }
    const silent = 'The amqplib connection does not answer (option connectTimeout)'
    try {
      await withinTime(this.#consume(queue, declared, prefetch, asked), this.#settings.connectTimeout, silent)
    } finally {
      asked.inTime = false
    }
  }

  /** `asked` says whether somebody still waits for it. */
  async #consume(queue: string, declared: string, prefetch: number, asked: { inTime: boolean }): Promise<void> {
    if (this.#gone !== undefined) {
      this.broker.lostForGood(this.#gone)
      throw new Error(this.#gone)
    }
    const channel = await this.#connection.createChannel()
    let open = true
    // Nothing of it is told any more: another consumer may have its queue.
    const forget = () => {
      open = false
    }
    const lost = (reason: string) => {
      this.#cancelled.delete(channel)
      if (!open) return
      open = false
      for (const [number, delivered] of this.#delivered)
        if (delivered.channel === channel) this.#delivered.delete(number)
      this.broker.lost(queue, reason)
    }
    channel.on('error', (error) => lost(`The channel failed: ${error.message}`))
    channel.on('close', () => lost('The channel was closed'))
    await channel.prefetch(prefetch)
    await ensure(this.#connection, { channel, queue, declared: JSON.parse(declared) })
    const { consumerTag } = await channel.consume(queue, (message) => {
      if (message === null) return lost('The broker cancelled the consumer')
      const number = ++this.#lastNumber
      this.#delivered.set(number, { channel, message })
      const { headers, priority } = message.properties
      const properties = { headers: texts(headers), ...(typeof priority === 'number' && { priority }) }
      this.broker.deliver(queue, number, message.content, message.fields.redelivered, properties)
    })
    // Another consumer takes the place of one that came too late.
    if (!asked.inTime) {
      open = false
      return void channel.close().catch(() => {})
    }
    this.#consumers.set(queue, { channel, tag: consumerTag, forget })
  }

  async #openReading(queue: string): Promise<number | null> {
    if ((await look(this.#connection, queue)) === null) return null
    const channel = await this.#connection.createChannel()
    channel.on('error', () => {})
    const number = ++this.#lastNumber
    this.#readings.set(number, { channel, queue })
    return number
  }

  async #readNext(reading: number): Promise<LiveRead | null> {
    const open = this.#readings.get(reading)
    const message = await open?.channel.get(open.queue)
    if (!open || !message) return null
    const number = ++this.#lastNumber
    this.#delivered.set(number, { channel: open.channel, message })
    return { number, body: message.content, headers: JSON.stringify(texts(message.properties.headers)) }
  }

  async #closeReading(reading: number): Promise<void> {
    const open = this.#readings.get(reading)
    this.#readings.delete(reading)
    if (!open) return
    for (const [number, { channel }] of this.#delivered) if (channel === open.channel) this.#delivered.delete(number)
    await open.channel.close().catch(() => {})
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
    this.#closeIfSettled(delivered.channel)
  }

  /** Closes the channel of a cancelled consumer once nothing that came over it is left. */
  #closeIfSettled(channel: LiveChannel): void {
    if (!this.#cancelled.has(channel)) return
    for (const delivered of this.#delivered.values()) if (delivered.channel === channel) return
    this.#cancelled.delete(channel)
    channel.close().catch(() => {})
  }

  async #cancel(queue: string): Promise<void> {
    const consumer = this.#consumers.get(queue)
    if (!consumer) return
    const { channel, tag, forget } = consumer
    await channel.cancel(tag).catch(() => {})
    // One that has come in its place meanwhile stays.
    if (this.#consumers.get(queue) === consumer) this.#consumers.delete(queue)
    forget()
    this.#cancelled.add(channel)
    this.#closeIfSettled(channel)
  }

  async #close(): Promise<void> {
    const channels = [...[...this.#consumers.values()].map(({ channel }) => channel), ...this.#cancelled]
    this.#consumers.clear()
    this.#cancelled.clear()
    await this.#publisher.close(Promise.all(channels.map((channel) => channel.close().catch(() => {}))))
  }
}
