// The guide's pages "Pausing and Resuming Workflows" about people in the loop, and "Awaitable Workflows" before it.
import { createFlow } from 'flowcraft'
import { openPage, value } from './support.js'

const DROPS_ACTION = 'core’s `resume` drops the action, and takes no edge that has one'
const UNDECIDED = {
  status: 'completed',
  executed: { begin: 1, review: 1 },
  outputs: { begin: { item: 'thesis' }, review: { by: 'ada' } },
}

const page = openPage({
  'the reviewer’s action chooses the edge: approve': { because: DROPS_ACTION, memory: UNDECIDED },
  'the reviewer’s action chooses the edge: reject': { because: DROPS_ACTION, memory: UNDECIDED },
  'the reviewer’s action chooses the edge: escalate': { because: DROPS_ACTION, memory: UNDECIDED },
  'a reminder waits for its day': {
    because: DROPS_ACTION,
    memory: { status: 'completed', executed: { begin: 1, approval: 1 }, awaiting: {} },
  },
})

const approval = () =>
  createFlow('approval')
    .node('begin', value({ by: 'ada', amount: 1500 }))
    .wait('approve')
    .node('process', async ({ input }) => ({ output: input?.approved ? 'approved' : 'denied' }))
    .edge('begin', 'approve')
    .edge('approve', 'process')

page.runs(
  'a run waits for a person',
  { status: 'awaiting', awaiting: { approve: 'external_event' }, outputs: { begin: { by: 'ada', amount: 1500 } } },
  () => ({ flow: approval(), ends: 'awaiting' }),
)

page.runs(
  'what the person says is the next node’s input',
  {
    status: 'completed',
    outputs: { begin: { by: 'ada', amount: 1500 }, approve: { approved: true }, process: 'approved' },
    awaiting: {},
  },
  () => ({ flow: approval(), steps: [{ node: 'approve', output: { approved: true } }] }),
)

page.runs(
  'one waiting node need not be named',
  {
    status: 'completed',
    outputs: { begin: { by: 'ada', amount: 1500 }, approve: { approved: false }, process: 'denied' },
  },
  () => ({ flow: approval(), steps: [{ output: { approved: false } }] }),
)

page.runs(
  'an answer without an output leaves none',
  { status: 'completed', outputs: { begin: { by: 'ada', amount: 1500 }, process: 'denied' } },
  () => ({ flow: approval(), steps: [{ node: 'approve' }] }),
)

const review = () =>
  createFlow('review')
    .node('begin', value({ item: 'thesis' }))
    .wait('review')
    .node('approve', value('approved'))
    .node('reject', value('rejected'))
    .node('escalate', value('escalated'))
    .edge('begin', 'review')
    .edge('review', 'approve', { action: 'approve' })
    .edge('review', 'reject', { action: 'reject' })
    .edge('review', 'escalate', { action: 'escalate' })

for (const [action, last] of [
  ['approve', 'approved'],
  ['reject', 'rejected'],
  ['escalate', 'escalated'],
]) {
  page.runs(
    `the reviewer’s action chooses the edge: ${action}`,
    {
      status: 'completed',
      executed: { begin: 1, review: 1, [action]: 1 },
      outputs: { begin: { item: 'thesis' }, review: { by: 'ada' }, [action]: last },
    },
    () => ({ flow: review(), steps: [{ node: 'review', output: { by: 'ada' }, action }] }),
  )
}

const delayed = () =>
  createFlow('delayed')
    .node('begin', value('begun'))
    .sleep('delay', { duration: 5 })
    .node('finish', async ({ input }) => ({ output: `${input}, and done` }))
    .edge('begin', 'delay')
    .edge('delay', 'finish')

page.runs(
  'what came before a sleep is the input of what follows it',
  { status: 'completed', outputs: { begin: 'begun', delay: 'begun', finish: 'begun, and done' } },
  () => ({ flow: delayed(), steps: [{ timer: 'delay' }] }),
)

const reminder = () =>
  createFlow('reminder')
    .node('begin', value({ task: 'report' }))
    .wait('approval')
    .sleep('day', { duration: 86_400_000 })
    .node('remind', value('reminded'))
    .edge('begin', 'approval')
    .edge('approval', 'day', { action: 'pending' })
    .edge('day', 'remind')

page.runs(
  'a reminder waits for its day',
  { status: 'awaiting', awaiting: { day: 'timer' }, executed: { begin: 1, approval: 1, day: 1 } },
  () => ({ flow: reminder(), steps: [{ node: 'approval', action: 'pending' }], ends: 'awaiting' }),
)
