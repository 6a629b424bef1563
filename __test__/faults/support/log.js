// What an adapter tells its logger, its event bus and its `onError`, kept for a test to look at.

export class Log {
  lines = []
  events = []
  errors = []

  constructor() {
    const at = (level) => (message) => void this.lines.push({ level, message, at: Date.now() })
    this.logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }

  /** Options for `servers.adapter`. */
  options() {
    return {
      runtime: { logger: this.logger },
      eventBus: { emit: (event) => void this.events.push(event) },
      onError: (error) => void this.errors.push(error),
    }
  }

  said(level, pattern) {
    return this.lines.filter((line) => line.level === level && pattern.test(line.message))
  }
}
