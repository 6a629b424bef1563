// The table of constructs in docs/differences-from-memory.md: every cell is what this test sees.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { it } from 'node:test'
import { FlowRuntime, NullLogger } from 'flowcraft'
import { PlainWorker } from '../fixtures/plain-worker.js'
import { onServers, openSharedServers, urls } from '../fixtures/shared-servers.js'
import { constructs } from './constructs.js'

/** How long a run may take before it counts as stuck: none of these flows takes a second. */
const PATIENCE = 5000

function prepared(construct) {
  const flow = construct.flow()
  const blueprint = flow.toBlueprint()
  construct.adjust?.(blueprint)
  const runtimeOptions = {
    blueprints: { [blueprint.id]: blueprint, ...construct.more },
    registry: { ...Object.fromEntries(flow.getFunctionRegistry()), ...construct.registry },
    logger: new NullLogger(),
    ...construct.runtime,
  }
  return { flow, blueprint, runtimeOptions }
}

/** Whether the construct does in memory what its documentation says. */
async function inMemory(construct) {
  const { blueprint, runtimeOptions } = prepared(construct)
  const runtime = new FlowRuntime(runtimeOptions)
  try {
    let result = await runtime.run(blueprint, {})
    if (result.status === 'awaiting' && construct.act) {
      result = await runtime.resume(blueprint, result.serializedContext, construct.act)
    }
    return construct.holds(result)
  } catch {
    return false
  }
}

/** Starts a run and waits for its end; a run that does not end does not hold. */
async function distributed(servers, construct, begin, resume) {
  const runId = servers.runId()
  await begin(runId, construct.starts)
  if (construct.act) {
    await servers.settled(runId, ['awaiting'], PATIENCE).catch(() => {})
    await resume?.(runId)
  }
  const seen = await servers.settled(runId, undefined, PATIENCE).catch(() => undefined)
  return Boolean(seen && construct.holds({ status: seen.status, context: seen.context }))
}

async function onOurs(servers, construct) {
  const { flow, runtimeOptions } = prepared(construct)
  const adapter = servers.adapter(flow, { runtime: { ...runtimeOptions, registry: construct.registry ?? {} } })
  const resume = (runId) => adapter.resumeWithAction(runId, construct.act.action, construct.act.output)
  try {
    return await distributed(servers, construct, (runId, starts) => servers.begin(flow, {}, { runId, starts }), resume)
  } finally {
    await adapter.stop()
  }
}

async function onPlain(servers, construct) {
  const { flow, blueprint, runtimeOptions } = prepared(construct)
  const worker = await PlainWorker.start({
    runtimeOptions,
    ...urls,
    // Its own client is not what a pooler is tried with.
    database: urls.direct,
    queue: servers.queue,
    contexts: servers.contextTable,
    statuses: servers.statusTable,
  })
  // Version 1 rejects a run without these; whoever got it to work wrote them.
  const context = { blueprintId: blueprint.id, blueprintVersion: null }
  try {
    return await distributed(servers, construct, (runId, starts) => servers.begin(flow, context, { runId, starts }))
  } finally {
    await worker.stop()
  }
}

it('says what is so', onServers('version 1'), async () => {
  // Each construct in a corner of its own, all at once: what gets stuck is waited for together.
  const rows = await Promise.all(
    constructs.map(async (construct) => {
      const servers = await openSharedServers()
      try {
        const ours = await onOurs(servers, construct)
        await servers.freshQueue()
        return [construct.name, await inMemory(construct), await onPlain(servers, construct), ours]
      } finally {
        await servers.close()
      }
    }),
  )
  const mark = (holds) => (holds ? 'yes' : 'no')
  const table = rows.map(([name, ...cells]) => `| ${name} | ${cells.map(mark).join(' | ')} |`)
  const page = await readFile(new URL('../../docs/differences-from-memory.md', import.meta.url), 'utf8')
  const written = page.replace(/ +/g, ' ')
  const missing = table.filter((row) => !written.includes(row))
  assert.deepEqual(missing, [], `The table should say:\n${table.join('\n')}`)
})

it('has no construct that does not work here', async () => {
  const works = async (construct) => {
    const servers = await openSharedServers()
    try {
      return await onOurs(servers, construct)
    } finally {
      await servers.close()
    }
  }
  const worked = await Promise.all(constructs.map(works))
  assert.deepEqual(
    constructs.filter((_, index) => !worked[index]).map(({ name }) => name),
    [],
  )
})
