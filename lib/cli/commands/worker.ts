/** `worker`. */
import { isObject } from '../../is-object.js'
import type { Run } from '../command.js'
import { EXIT, usage } from '../exit.js'
import { loadModule } from '../modules.js'
import { counted } from '../shown.js'

interface Startable {
  start(): unknown
  stop(): unknown
}

export const run: Run = async ({ parsed, io, signal }) => {
  const [path = ''] = parsed.args
  const workers = await workersOf(await loadModule(path))
  if (workers.length === 0) {
    throw usage(`${path} exports no adapter`, 'export one: export const adapter = new RabbitMqAdapter({ … })')
  }
  const stopping = new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => resolve('SIGINT'), { once: true })
    process.once('SIGTERM', () => {
      resolve('SIGTERM')
      process.once('SIGTERM', () => process.exit(EXIT.interrupted))
    })
  })
  for (const worker of workers) worker.start()
  io.note(`${counted(workers.length, 'worker')} started (process ${process.pid}). SIGTERM or Ctrl-C stops.`)
  const why = await stopping
  io.note(`${why}: no new job starts; waiting for those in hand ...`)
  await Promise.all(workers.map((worker) => worker.stop()))
  io.note('Stopped.')
  return EXIT.done
}

/** Whatever can be started and stopped among what a module exports; a function as its default is called first. */
async function workersOf(exported: Record<string, unknown>): Promise<Startable[]> {
  const made =
    typeof exported.default === 'function' && !isStartable(exported.default) ? await exported.default() : undefined
  const found = [...Object.values(exported), made].flatMap((value) =>
    isObject(value) && !isStartable(value) ? Object.values(value) : [value],
  )
  return [...new Set(found.filter(isStartable))]
}

function isStartable(value: unknown): value is Startable {
  return isObject(value) && typeof value.start === 'function' && typeof value.stop === 'function'
}
