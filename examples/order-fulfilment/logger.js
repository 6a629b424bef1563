// A logger that says only what went wrong. Without one, the adapter logs everything to the console.

import { NullLogger } from 'flowcraft'

class ErrorLogger extends NullLogger {
  error(message, meta) {
    console.error(meta?.error ? `${message} (${meta.error})` : message)
  }
}

export const logger = new ErrorLogger()
