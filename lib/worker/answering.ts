/** Answers of the engine, waited for. */

/** Whoever waits for one. */
const waiting = new Set<{ owner: object }>()

/** Waits for an answer. Its owner is not freed before: the engine, which may call it, holds it weakly. */
export async function answerFor<T>(owner: object, answer: Promise<T>): Promise<T> {
  const entry = { owner }
  waiting.add(entry)
  try {
    return await answer
  } finally {
    waiting.delete(entry)
  }
}
