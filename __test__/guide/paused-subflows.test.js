// The guide's pages "Subflows" and "Orchestrators": a pause inside a subflow pauses the run, and is resumed inside.
import assert from 'node:assert/strict'
import { createFlow, SubflowNode } from 'flowcraft'
import { calling } from './subflow.js'
import { openPage, pass, value } from './support.js'

const SAYS_NOTHING = {
  because: 'in memory a run does not say what a subflow waits for',
  memory: { awaiting: { call: undefined } },
}

const page = openPage({
  'a wait inside makes the run wait: by class': SAYS_NOTHING,
  'a wait inside makes the run wait: by name': SAYS_NOTHING,
  'and goes on inside: by name': {
    because: 'core’s `resume` goes on inside a subflow of its class only: by name, the answer is the subflow’s output',
    memory: {
      outputs: { begin: 'a request', call: 'yes', after: 'yes' },
      executed: { begin: 1, call: 1, 'asking.prepare': 1, 'asking.person': 1, after: 1 },
    },
  },
  'the action chooses the edge inside': {
    because: 'core’s `resume` drops the action, and takes no edge that has one',
    memory: {
      executed: { begin: 1, call: 1, 'asking.person': 1, after: 1 },
      outputs: { begin: 'a request', call: {}, after: {} },
    },
  },
  'two pauses inside are two pauses of the run': {
    because: 'core’s `resume` fails where a subflow pauses once more',
    memory: {
      status: 'threw',
      outputs: { begin: 'a request' },
      executed: { begin: 1, call: 1, 'asking.one': 1, 'asking.two': 1 },
      awaiting: { call: undefined },
    },
  },
})

const asking = () =>
  createFlow('asking')
    .node('prepare', async ({ input }) => ({ output: `${input}, prepared` }))
    .wait('person')
    .node('decide', async ({ input }) => ({ output: `decided: ${input}` }))
    .edge('prepare', 'person')
    .edge('person', 'decide')

const byClass = () =>
  createFlow('by-class')
    .node('begin', value('a request'))
    .node('call', SubflowNode, { params: { blueprintId: 'asking' } })
    .node('after', pass)
    .edge('begin', 'call')
    .edge('call', 'after')

const byName = () =>
  calling(
    createFlow('by-name')
      .node('begin', value('a request'))
      .node('call', pass)
      .node('after', pass)
      .edge('begin', 'call')
      .edge('call', 'after'),
    { id: 'call', blueprintId: 'asking' },
  )

for (const [how, flow] of [
  ['by class', byClass],
  ['by name', byName],
]) {
  page.runs(
    `a wait inside makes the run wait: ${how}`,
    {
      status: 'awaiting',
      outputs: { begin: 'a request' },
      executed: { begin: 1, call: 1, 'asking.prepare': 1, 'asking.person': 1 },
      awaiting: { call: 'external_event' },
    },
    () => ({ flow: flow(), also: [asking()], ends: 'awaiting' }),
  )

  page.runs(
    `and goes on inside: ${how}`,
    {
      status: 'completed',
      outputs: { begin: 'a request', call: 'decided: yes', after: 'decided: yes' },
      executed: { begin: 1, call: 1, 'asking.prepare': 1, 'asking.person': 1, 'asking.decide': 1, after: 1 },
    },
    () => ({ flow: flow(), also: [asking()], steps: [{ node: 'call', output: 'yes' }] }),
  )
}

const choosing = () =>
  createFlow('asking')
    .wait('person')
    .node('yes', value('accepted'))
    .node('no', value('refused'))
    .edge('person', 'yes', { action: 'approve' })
    .edge('person', 'no', { action: 'reject' })

page.runs(
  'the action chooses the edge inside',
  {
    status: 'completed',
    executed: { begin: 1, call: 1, 'asking.person': 1, 'asking.no': 1, after: 1 },
    outputs: { begin: 'a request', call: { no: 'refused' }, after: { no: 'refused' } },
  },
  () => ({ flow: byClass(), also: [choosing()], steps: [{ node: 'call', action: 'reject', output: 'late' }] }),
)

const napping = () =>
  createFlow('asking')
    .node('prepare', async ({ input }) => ({ output: `${input}, prepared` }))
    .sleep('nap', { duration: 1 })
    .node('decide', async ({ input }) => ({ output: `decided: ${input}` }))
    .edge('prepare', 'nap')
    .edge('nap', 'decide')

page.runs(
  'a sleep inside ends by itself',
  {
    status: 'completed',
    executed: { begin: 1, call: 1, 'asking.prepare': 1, 'asking.nap': 1, 'asking.decide': 1, after: 1 },
  },
  () => ({ flow: byClass(), also: [napping()], steps: [{ timer: 'call' }] }),
  ({ distributed }) => assert.equal(distributed.outputs.after, 'decided: a request, prepared'),
)

page.runs(
  'two pauses inside are two pauses of the run',
  {
    status: 'completed',
    outputs: { begin: 'a request', call: 'two', after: 'two' },
    executed: { begin: 1, call: 1, 'asking.one': 1, 'asking.two': 1, 'asking.end': 1, after: 1 },
    awaiting: {},
  },
  () => ({
    flow: byClass(),
    also: [createFlow('asking').wait('one').wait('two').node('end', pass).edge('one', 'two').edge('two', 'end')],
    steps: [
      { node: 'call', output: 'one' },
      { node: 'call', output: 'two' },
    ],
  }),
)
