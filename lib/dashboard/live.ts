/**
 * States that pages follow, as server-sent events: one question for all readers of a state, and of each reader one change under
 * way. Who reads slowly gets the newest state, and none of those between.
 */
import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refusal } from './refusal.js'

/** So many streams at a time: a page that gets none asks again and again. */
const MOST = 100
/** How long a stream lasts, in milliseconds: the page opens another, and `authorize` is asked again. */
const LIFETIME = 5 * 60_000
/** How often a stream says that it lives, in milliseconds. */
const HEARTBEAT = 15_000
/** How often a stream looks whether its server closes, in milliseconds. */
const LOOK = 500

/** What readers are told: `kind` is the name of the event. */
export interface Told {
  readonly kind: 'state' | 'failure'
  readonly text: string
  /** When it is asked again, in milliseconds. */
  readonly every: number
}

/** A state that can be followed; `ask` never throws. */
export interface Source {
  readonly key: string
  readonly ask: () => Promise<Told>
}

export class Live {
  readonly #followed = new Map<string, Followed>()
  #streams = 0

  /** @throws Refusal where there are too many streams. */
  open(source: Source, request: IncomingMessage, response: ServerResponse): void {
    if (this.#streams >= MOST) throw new Refusal('TOO_MANY_STREAMS', `There are ${MOST} streams already`)
    this.#streams += 1
    const followed = this.#followed.get(source.key) ?? new Followed(source, () => this.#followed.delete(source.key))
    this.#followed.set(source.key, followed)
    const reader = new Reader(request, response)
    response.once('close', () => {
      this.#streams -= 1
      followed.remove(reader)
    })
    followed.add(reader)
  }
}

/** A state, asked for while somebody reads it. */
class Followed {
  readonly #source: Source
  readonly #ended: () => void
  readonly #readers = new Set<Reader>()
  #isOn = false
  #hurry = () => {}

  constructor(source: Source, ended: () => void) {
    this.#source = source
    this.#ended = ended
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
    // Who begins to read may have changed something just now.
    this.#hurry()
    if (!this.#isOn) void this.#follow()
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size > 0) return
    this.#ended()
    this.#hurry()
  }

  async #follow(): Promise<void> {
    this.#isOn = true
    while (this.#readers.size > 0) {
      const begun = performance.now()
      const asking = [...this.#readers]
      const told = await this.#source.ask()
      for (const reader of this.#readers) reader.take(told)
      const isMissed = [...this.#readers].some((reader) => !asking.includes(reader))
      if (!isMissed) await this.#pause(Math.max(told.every, 4 * (performance.now() - begun)))
    }
    this.#isOn = false
  }

  #pause(milliseconds: number): Promise<void> {
    if (this.#readers.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds).unref()
      this.#hurry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** One page that reads. */
class Reader {
  readonly #response: ServerResponse
  #known: string
  #next: { id: string; told: Told } | undefined
  #isFull = false

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#response = response
    this.#known = String(request.headers['last-event-id'] ?? '')
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#write('retry: 2000\n\n')
    response.on('drain', () => {
      this.#isFull = false
      this.#send()
    })
    this.#keep(request)
  }

  take(told: Told): void {
    const id = createHash('sha1').update(`${told.kind} ${told.text}`).digest('base64url')
    this.#next = id === this.#known ? undefined : { id, told }
    this.#send()
  }

  #send(): void {
    if (this.#isFull || !this.#next) return
    const { id, told } = this.#next
    this.#next = undefined
    this.#known = id
    this.#write(`id: ${id}\nevent: ${told.kind}\ndata: ${told.text}\n\n`)
  }

  #write(text: string): void {
    if (!this.#response.write(text)) this.#isFull = true
  }

  /** Says that it lives, and ends in time: also where the server closes, which would wait for it. */
  #keep(request: IncomingMessage): void {
    const response = this.#response
    // The page hears the event, and nobody the comment.
    const alive = () => !this.#isFull && this.#write(': alive\nevent: alive\ndata:\n\n')
    alive()
    const begun = performance.now()
    const { server } = request.socket as { server?: { listening?: boolean } }
    const beat = setInterval(alive, HEARTBEAT).unref()
    const look = setInterval(() => {
      const isOver = performance.now() - begun > LIFETIME || server?.listening === false
      if (!isOver) return
      if (this.#isFull) response.destroy()
      else response.end()
    }, LOOK).unref()
    response.once('close', () => {
      clearInterval(beat)
      clearInterval(look)
    })
  }
}
