// A stand-in for where documents are: made up from their numbers.
const TOPICS = ['invoice', 'contract', 'letter', 'offer']

export function archive(count) {
  const reads = new Map()
  const saved = new Map()
  return {
    reads,
    saved,
    list: async (folder) => Array.from({ length: count }, (_, number) => `${folder}/${number}.txt`),
    text: async (name) => {
      reads.set(name, (reads.get(name) ?? 0) + 1)
      const number = Number(name.match(/(\d+)\.txt$/)[1])
      return `A ${TOPICS[number % TOPICS.length]} of some words, and a number ${number}.`
    },
    save: async (name, index) => {
      saved.set(name, index)
      return name
    },
  }
}
