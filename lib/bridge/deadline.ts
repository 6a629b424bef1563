/** Promises that are waited for only so long. */

/**
 * What a promise comes to.
 *
 * @param waits Whether it is waited for still when the time is over.
 * @param late What is thrown if it comes to nothing in time: an error, or its message.
 */
export async function withinTime<T>(
  promise: Promise<T>,
  milliseconds: number,
  late: string | Error,
  waits: () => boolean = () => false,
): Promise<T> {
  // Nobody hears of what comes of it later.
  promise.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setInterval(() => waits() || reject(typeof late === 'string' ? new Error(late) : late), milliseconds)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    clearInterval(timer)
  }
}
