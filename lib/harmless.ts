/**
 * The user's logger and event buses, as everything here uses them: whatever they do, no job and no stop waits for it. What
 * they throw is their own trouble.
 */
import { clearTimeout, setTimeout } from 'node:timers'
import type { IEventBus, ILogger } from 'flowcraft'
import { isObject } from './is-object.js'

/** How long an event is waited for, in milliseconds: who stores events has stored it then. */
const PATIENCE = 1_000
/** How long nobody waits for a bus that once took longer. */
const IMPATIENT_FOR = 30_000

const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** A logger whose four methods neither throw nor reject. All else is the user's. */
export function harmlessLogger<L extends ILogger>(logger: L): L {
  const guarded = Object.fromEntries(
    LEVELS.map((level) => [
      level,
      (message: string, meta?: Record<string, unknown>) => void quietly(() => logger[level](message, meta)),
    ]),
  )
  return withMethods(logger, guarded)
}

/** An event bus that neither throws nor rejects, and is waited for only as long as it answers. */
export function harmlessBus<B extends IEventBus>(bus: B): B {
  let impatientUntil = 0
  const emit = async (event: Parameters<IEventBus['emit']>[0]): Promise<void> => {
    const told = quietly(() => bus.emit(event))
    if (!told || Date.now() < impatientUntil) return
    if (!(await within(told, PATIENCE))) impatientUntil = Date.now() + IMPATIENT_FOR
  }
  return withMethods(bus, { emit })
}

/**
 * Buses that are harmless, as one: each hears every event once, with the time at which it was told. What a worker says of itself
 * is about no run: a store of events behind the runtime's bus would not know where to put it, so the adapter's bus alone hears it.
 */
function asOne(buses: readonly IEventBus[], adapters: IEventBus | null | undefined): IEventBus['emit'] {
  const heard = [...new Set(buses)].map((bus) => [bus, harmlessBus(bus)] as const)
  return async (event) => {
    const told = { timestamp: Date.now(), ...event }
    const isOfWorker = event.type.startsWith('worker:')
    const hearers = heard.filter(([bus]) => !isOfWorker || bus === adapters)
    await Promise.all(hearers.map(([, bus]) => bus.emit(told)))
  }
}

/** Options whose logger and event buses are harmless. One bus is enough; where there are two, each hears everything. */
export function harmless<
  O extends {
    readonly eventBus?: IEventBus | null
    readonly runtimeOptions: { readonly logger?: ILogger; readonly eventBus?: IEventBus }
  },
>(options: O): O {
  const { logger } = options.runtimeOptions
  const own = options.eventBus ?? options.runtimeOptions.eventBus
  const runtimes = options.runtimeOptions.eventBus ?? own
  const emit = own && runtimes && asOne([own, runtimes], options.eventBus)
  return {
    ...options,
    ...(own && { eventBus: withMethods(own, { emit }) }),
    runtimeOptions: {
      ...options.runtimeOptions,
      ...(logger && { logger: harmlessLogger(logger) }),
      ...(runtimes && { eventBus: withMethods(runtimes, { emit }) }),
    },
  }
}

/** Calls something; the promise it answers with, if it does, without its rejection. */
function quietly(call: () => unknown): Promise<void> | undefined {
  try {
    const answer = call()
    if (!isObject(answer) || typeof (answer as { then?: unknown }).then !== 'function') return undefined
    return Promise.resolve(answer as unknown as PromiseLike<unknown>).then(
      () => {},
      () => {},
    )
  } catch {
    return undefined
  }
}

/** Whether something comes to its end within so many milliseconds. */
async function within(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds)
    timer.unref()
  })
  const inTime = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return inTime
}

/** An object with some methods of ours; its others are called on itself. */
function withMethods<T extends object>(object: T, methods: Record<string, unknown>): T {
  return new Proxy(object, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name]
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'constructor' ? value.bind(target) : value
    },
  })
}
