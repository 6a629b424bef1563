/** Options of a `RabbitMqAdapter` about what comes from outside and what is told there: webhooks, the history, telemetry. */

import type { RabbitMqAdapterOptions } from '../adapter.js'
import type { Grouped } from '../groups.js'
import { historyOption } from '../history.js'
import { object } from '../kinds.js'
import type { Schema } from '../schema.js'
import { TELEMETRY_SCHEMA, type TelemetryOptions } from '../telemetry.js'
import { WEBHOOK_SCHEMA, type WebhookOptions } from '../webhook.js'

export const OUTSIDE_OPTIONS = {
  webhook: {
    group: 'webhooks',
    takes: object<WebhookOptions, typeof WEBHOOK_SCHEMA>(WEBHOOK_SCHEMA),
    words: 'Serves webhooks: where the handler is mounted, and the key its URLs are signed with.',
    otherwise: 'no webhooks',
    example: "webhook: { baseUrl: 'https://example.com/hooks', secret: process.env.WEBHOOK_SECRET }",
  },
  history: {
    group: 'telemetry',
    takes: historyOption(),
    words:
      'Whether what went into each attempt at a node and what came out, its error and what it logged are kept for people to look ' +
      'at: `run.history()`, `runs history`, the dashboard. It needs step 9 of `migrate`. A worker writes it beside the results, ' +
      'a quarter of a second later, and what it has not written when it dies is lost.',
    default: false,
    example: 'history: { maxValueBytes: 16_384, keepMs: 7 * 24 * 3_600_000 }',
    engine: true,
  },
  telemetry: {
    group: 'telemetry',
    takes: object<TelemetryOptions, typeof TELEMETRY_SCHEMA>(TELEMETRY_SCHEMA),
    words: 'What is told to OpenTelemetry: traces and metrics.',
    otherwise: 'nothing',
    example: "telemetry: { traces: 'links', metrics: true }",
  },
} as const satisfies Grouped<Partial<Schema<RabbitMqAdapterOptions>>>
