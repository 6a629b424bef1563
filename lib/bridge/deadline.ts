/** Promises that are waited for only so long. */

/**
 * What a promise comes to.
 *
 * @param waits Whether it is waited for still when the time is over.
 * @throws Error with `message` if it comes to nothing in time.
 */
export async function withinTime<T>(
  promise: Promise<T>,
  milliseconds: number,
  message: string,
  waits: () => boolean = () => false,
): Promise<T> {
  // Nobody hears of what comes of it later.
  promise.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setInterval(() => waits() || reject(new Error(message)), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearInterval(timer)
  }
}
