// The BullMQ adapter with more nodes at a time than its users can have: raised behind its back, where BullMQ lets it be.
import bullmq from './bullmq.js'

export default {
  ...bullmq,
  id: 'bullmq-raised',
  title: 'BullMQ, raised',
  settings: [{ concurrency: 25 }, { concurrency: 100 }, { concurrency: 300 }],
  shapes: ['chains', 'fan-20', 'fan-200'],
}
