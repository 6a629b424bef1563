/** Options of a `RabbitMqAdapter` about workflows: what is run, who hears of it, how values are stored. */
import type { RuntimeOptions } from 'flowcraft'
import type { RabbitMqAdapterOptions } from '../adapter.js'
import { CODEC_OPTION } from '../codec.js'
import type { AdapterEventBus } from '../event-bus.js'
import type { Grouped } from '../groups.js'
import { callback, flag, objectWith } from '../kinds.js'
import type { Schema } from '../schema.js'

export const WORKFLOW_OPTIONS = {
  runtimeOptions: {
    group: 'workflows',
    // biome-ignore lint/suspicious/noExplicitAny: core's own type for a runtime's dependencies
    takes: objectWith<RuntimeOptions<any>>([], "a FlowRuntime's options ({ blueprints, registry, … })"),
    words:
      'The options of a `FlowRuntime`: blueprints, registry, dependencies, middleware, evaluator, serializer, logger, ' +
      'eventBus.',
    required: true,
    example: 'runtimeOptions: { blueprints: { order: flow.toBlueprint() }, registry: { charge } }',
  },
  eventBus: {
    group: 'workflows',
    takes: objectWith<AdapterEventBus>(['emit'], 'an object with the method emit'),
    words:
      'Gets every event of what this worker does: core’s, `job:enqueued`, `job:processed`, `job:failed`. A bus in ' +
      '`runtimeOptions` gets the same; where there are two, each gets every event once. `worker:ready`, ' +
      '`worker:reconnecting`, `worker:stopped` and `worker:failed` are about no run: this bus alone gets them.',
    example: 'eventBus: { emit: async (event) => console.log(event.type) }',
  },
  onError: {
    group: 'workflows',
    takes: callback<(error: Error) => void>(),
    words:
      'Called when the worker receives no jobs and cannot mend it: a live amqplib connection was closed for good, or the ' +
      'tables cannot be worked with when it starts (it takes jobs once they are mended). The logger and the event bus (`worker:failed`) are told too.',
    example: 'onError: () => process.exit(1)',
  },
  strictValues: {
    group: 'workflows',
    takes: flag(),
    words:
      'Whether a value that JSON would change (a `Map`, a `Set`, an error, an instance of a class, `NaN`, `undefined` in an ' +
      'array, …) fails its node. Otherwise it is stored as JSON has it, and the log warns of it, once a node. A serializer ' +
      'in `runtimeOptions` that gives back the same value keeps it as it is.',
    default: false,
    example: 'strictValues: true',
  },
  codec: { group: 'workflows', ...CODEC_OPTION },
} as const satisfies Grouped<Partial<Schema<RabbitMqAdapterOptions>>>
