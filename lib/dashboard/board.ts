/** What the answers of the dashboard are made of: the client, what stands beside it, and what is hidden. */
import type { ILogger } from 'flowcraft'
import { hostOf, type RabbitMqClient } from '../client/client.js'
import type { ClientHost } from '../client/host.js'
import { harmlessLogger } from '../harmless.js'
import { linesOf } from '../log.js'
import { Live } from './live.js'
import type { DashboardSettings } from './options.js'
import { Readings } from './readings.js'
import { Redaction } from './redaction.js'
import { Shared } from './shared.js'

export interface Board {
  readonly client: RabbitMqClient
  readonly host: ClientHost
  readonly settings: DashboardSettings
  readonly redaction: Redaction
  readonly logger: ILogger
  /** Answers that many viewers share: they read tables whole, or ask every server. */
  readonly shared: Shared
  /** What was read of contexts. */
  readonly readings: Readings
  /** What pages follow. */
  readonly live: Live
}

export function boardOf(settings: DashboardSettings): Board {
  const client = settings.client as RabbitMqClient
  const host = hostOf(client)
  const logger = linesOf(harmlessLogger(settings.logger ?? host.beside.logger))
  const redaction = new Redaction(settings.redact)
  const keeping = { shared: new Shared(), readings: new Readings(), live: new Live() }
  return { client, host, settings, redaction, logger, ...keeping }
}
