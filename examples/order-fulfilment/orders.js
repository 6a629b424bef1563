// The orders of the example, made up from their numbers.

const CUSTOMERS = ['ada@example.org', 'grace@example.org', 'alan@example.org', 'edsger@example.org']
const GOODS = [
  { article: 'notebook', price: 6 },
  { article: 'fountain pen', price: 48 },
  { article: 'ink', price: 11 },
]

export function order(number) {
  return {
    number,
    customer: CUSTOMERS[number % CUSTOMERS.length],
    items: [{ ...GOODS[number % GOODS.length], quantity: 1 + (number % 3) }],
  }
}
