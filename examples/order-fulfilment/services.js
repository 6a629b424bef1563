// Stand-ins for the systems a shop talks to. Each takes a little while, and the order's number alone decides
// what it answers, so every run of the example ends the same.

import { setTimeout as sleep } from 'node:timers/promises'

/** How long a service takes, in milliseconds. */
export const FROM_MS = 100
export const TO_MS = 400

export const services = {
  customers: {
    async check() {
      await aWhile()
    },
  },
  warehouse: {
    async reserve({ number }) {
      await aWhile()
      return number % 7 !== 3
    },
  },
  payments: {
    async charge({ number }, { attempt }) {
      await aWhile()
      if (number % 15 === 2 && attempt === 1) throw new Error('The payment provider did not answer')
      return `receipt-${number}`
    },
    async refund() {
      await aWhile()
    },
  },
  fraudCheck: {
    async isSuspicious({ number }) {
      await aWhile()
      return number % 11 === 5
    },
  },
  carrier: {
    async send({ number }) {
      await aWhile()
      return `parcel-${number}`
    },
  },
  mail: {
    async send() {
      await aWhile()
    },
  },
}

function aWhile() {
  return sleep(FROM_MS + Math.random() * (TO_MS - FROM_MS))
}
