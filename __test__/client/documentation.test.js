// The code of docs/client.md runs as it stands there, and says what it says it does.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import * as adapter from '@flowcraft/rabbitmq-adapter'
import * as flowcraft from 'flowcraft'
import { onServers, openSharedServers, urls } from '../fixtures/shared-servers.js'

const AsyncFunction = (async () => {}).constructor
const packages = { '@flowcraft/rabbitmq-adapter': adapter, flowcraft }
const page = await readFile(new URL('../../docs/client.md', import.meta.url), 'utf8')

const blocks = (language) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, block]) => block)

let servers
before(async () => {
  servers = await openSharedServers()
})
after(() => servers.close())

/** Blocks of the page as one function, over the servers, the tables and the queue of the test; it answers with the client. */
function script(names, ...parts) {
  const text = parts
    .join('\n')
    .replaceAll(/^import (\{.*?\}) from '(.*?)'$/gm, "const $1 = packages['$2']")
    .replaceAll(/^export const/gm, 'const')
    .replace(/amqpConnection: '.*?'/, `amqpConnection: '${urls.amqp}'`)
    .replace(/pgClient: '.*?'/, `pgClient: '${urls.database}'`)
    .replace('flowcraft_contexts', servers.contextTable)
    .replace('flowcraft_statuses', servers.statusTable)
    .replace('flowcraft-jobs', servers.queue)
  return new AsyncFunction('packages', ...names, `${text}\nreturn client`)
}

describe('docs/client.md', () => {
  it('says what its code says', async () => {
    const said = []
    const [setUp, ...rest] = blocks('js')
    const run = script(['console', 'work'], setUp, 'work(flows)', ...rest)
    const log = (...words) => said.push(words.join(' '))
    const client = await run(packages, { log }, (flows) => servers.adapter(Object.values(flows)))
    await client.close()
    const promised = [...page.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, words]) => words)
    assert.ok(promised.length >= 5)
    for (const words of promised) assert.ok(said.includes(words), `${words} is not among ${said.join(', ')}`)
  })

  it('starts a run within a transaction', onServers('transactions'), async () => {
    const transaction = await servers.pg.connect()
    await transaction.query(`SET search_path TO ${servers.name}`)
    await transaction.query('CREATE TABLE orders (id INTEGER)')
    const [setUp] = blocks('js')
    const client = await script(['transaction'], setUp, ...blocks('ts'))(packages, transaction)
    transaction.release(true)
    assert.deepEqual(await servers.rowsOf('order-18'), { contexts: 1, statuses: 1 })
    await client.close()
  })
})
