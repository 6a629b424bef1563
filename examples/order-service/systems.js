// Stand-ins for the systems that the shop talks to. Yours are clients of a bank, a carrier and a mail server.

export function standIns() {
  const mails = []
  const requests = new Map()
  return {
    mails,
    requests,
    bank: {
      async request({ key, amount, callback }) {
        requests.set(key, { amount, callback })
        return `payment-${key}`
      },
      async refund({ key }) {
        requests.delete(key)
        return `refund-${key}`
      },
    },
    carrier: {
      isClosed: false,
      async send({ id }) {
        if (this.isClosed) throw new Error('the carrier is closed')
        return `parcel-${id}`
      },
    },
    mail: {
      async send(text) {
        mails.push(text)
      },
    },
  }
}
