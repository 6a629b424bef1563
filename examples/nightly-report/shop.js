// Stand-ins for your database and your mail server.
export const shop = () => ({
  sales: async () => [{ amount: 30 }, { amount: 12 }, { amount: 8 }],
})

export function mail() {
  const sent = new Map()
  return {
    sent,
    send: async (to, report, key) => {
      if (!sent.has(key)) sent.set(key, { to, ...report })
      return `sent to ${to}`
    },
  }
}
