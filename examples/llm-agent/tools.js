// What the agent may do. A tool may be called twice: give what it changes outside an idempotency key.
export const tools = {
  add: async ([one, other]) => one + other,
}
