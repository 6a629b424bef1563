/** What a worker is: its name, and the serializer it has of its own. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { type ISerializer, JsonSerializer } from 'flowcraft'
import type { RabbitMqAdapterOptions } from '../options/adapter.js'

/** A name for this worker, unique in the fleet: the owner of its leases, and the sender of its dead letters. */
export function workerName(): string {
  return `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`
}

/** The runtime's serializer, where it is not core's JSON. */
export function ownSerializer({ runtimeOptions: { serializer } }: RabbitMqAdapterOptions): ISerializer | undefined {
  return serializer !== undefined && serializer.constructor !== JsonSerializer ? serializer : undefined
}
