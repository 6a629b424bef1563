/** What is used of amqplib, and what is asked over a channel whatever it is for. */

const NOT_FOUND = 404

/** What is used of an amqplib connection (`ChannelModel`, 0.10 to 2, with or without recovery). */
export interface LiveAmqpConnection {
  createChannel(): Promise<LiveChannel>
  createConfirmChannel(): Promise<LiveConfirmChannel>
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Only a connection with recovery has it. */
  waitForConnect?: unknown
}

export interface LiveChannel {
  assertQueue(queue: string, options: Record<string, unknown>): Promise<unknown>
  checkQueue(queue: string): Promise<QueueCounts>
  get(queue: string): Promise<LiveMessage | false>
  prefetch(count: number): Promise<unknown>
  consume(queue: string, onMessage: (message: LiveMessage | null) => void): Promise<{ consumerTag: string }>
  cancel(consumerTag: string): Promise<unknown>
  ack(message: LiveMessage): void
  nack(message: LiveMessage, allUpTo: boolean, requeue: boolean): void
  close(): Promise<void>
  on(event: string, listener: (argument: LiveMessage & Error) => void): unknown
}

export interface QueueCounts {
  messageCount: number
  consumerCount: number
}

export interface LiveConfirmChannel extends LiveChannel {
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Record<string, unknown>,
    onConfirm: (error: unknown) => void,
  ): boolean
}

export interface LiveMessage {
  content: Buffer
  fields: { redelivered: boolean }
  properties: { messageId?: string; headers?: Record<string, unknown>; priority?: unknown }
}

/** What a queue is declared with, as the engine decides it. */
export type Arguments = Record<string, unknown>

/** How many messages wait in a queue, and how many consumers it has; null where there is no such queue. */
export async function look(connection: LiveAmqpConnection, queue: string): Promise<QueueCounts | null> {
  // On a channel of its own: asking for a queue that is not there closes the channel.
  const channel = await connection.createChannel()
  channel.on('error', () => {})
  try {
    const counts = await channel.checkQueue(queue)
    await channel.close()
    return counts
  } catch (error) {
    if ((error as { code?: unknown }).code === NOT_FOUND) return null
    throw error
  }
}

/** A queue, and the channel over which it is declared. */
export interface Declaration {
  channel: LiveChannel
  queue: string
  declared: Arguments
}

/** Makes sure that a queue exists. One that does is taken as it is, whatever its arguments. */
export async function ensure(connection: LiveAmqpConnection, { channel, queue, declared }: Declaration): Promise<void> {
  if ((await look(connection, queue)) === null) await channel.assertQueue(queue, { durable: true, arguments: declared })
}

/** The headers that are text. */
export function texts(headers: Record<string, unknown> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
