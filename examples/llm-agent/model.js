// A client of a model with the HTTP interface of chat completions, and what it may do at a time.

/** At most so many at a time in this process; the others wait in their order. */
export function limited(count, call) {
  const waiting = []
  let free = count
  return async (...given) => {
    if (free === 0) await new Promise((resolve) => waiting.push(resolve))
    else free -= 1
    try {
      return await call(...given)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** A model at a URL. What it refuses for now (429) is asked again when it says; what fails is the node's to retry. */
export function modelAt(url, { concurrency = 4, tools = [] } = {}) {
  const complete = async (messages, { signal } = {}) => {
    for (;;) {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${process.env.MODEL_KEY ?? ''}` },
        body: JSON.stringify({ model: process.env.MODEL ?? 'small', messages, tools }),
        signal,
      })
      if (response.status === 429) {
        await later(1_000 * Number(response.headers.get('retry-after') ?? 1))
        continue
      }
      if (!response.ok) throw new Error(`The model answered ${response.status}`)
      const { choices, usage } = await response.json()
      return { message: choices[0].message, usage }
    }
  }
  return { complete: limited(concurrency, complete) }
}
