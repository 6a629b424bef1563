// The code of docs/dashboard.md runs, and what it mounts answers behind its prefix; the page names every option.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import { createTestEnvironment } from '@flowcraft/rabbitmq-adapter/testing'
import express from 'express'
import Fastify from 'fastify'
import { DASHBOARD_SCHEMA } from '../../dist/dashboard/options.js'
import { blocksOf, pageOf, programOf } from '../fixtures/pages.js'
import { ask, orders, quick, WRITE } from './support/board.js'

const PAGE = 'docs/dashboard.md'

/** Runs the page's blocks, and answers with what they mount: by name, the address of the dashboard. */
async function mounted(t) {
  const env = await createTestEnvironment({ flows: { order: orders(), quick } })
  t.after(() => env.close())
  const code = blocksOf(await pageOf(PAGE), 'js')
    .join('\n')
    .replaceAll(/\b4600\b/g, '0')
  const program = programOf(`${code}\nreturn { server, app, fastify }`, ['adapter', 'sessionOf', 'audit'], {
    express,
    fastify: Fastify,
  })
  const audit = { insert: () => {} }
  const sessionOf = async ({ headers }) =>
    headers.cookie === 'session=ada' && { email: 'ada@example.com', isAdmin: false }
  const { server, app, fastify } = await program({ adapter: env.adapter, sessionOf, audit })
  const behindExpress = createServer(app).listen(0, '127.0.0.1')
  for (const each of [server, behindExpress]) if (!each.listening) await once(each, 'listening')
  await fastify.ready()
  t.after(async () => {
    for (const each of [server, behindExpress]) each.close().closeAllConnections()
    await fastify.close()
  })
  const at = ({ address, port }) => `http://${address}:${port}`
  if (!fastify.server.listening) await fastify.listen({ port: 0, host: '127.0.0.1' })
  return {
    env,
    urls: {
      'node:http': at(server.address()),
      Express: `${at(behindExpress.address())}/ops/flowcraft`,
      Fastify: `${at(fastify.server.address())}/ops/flowcraft`,
    },
  }
}

describe('the page about the dashboard', () => {
  it('mounts it in node:http, Express and Fastify, behind a prefix', async (t) => {
    const { env, urls } = await mounted(t)
    for (const [name, url] of Object.entries(urls)) {
      const headers = { cookie: 'session=ada' }
      const page = await ask(`${url}/`, { headers })
      assert.equal(page.status, 200, name)
      const [, script] = /src="\.\/(assets\/[^"]+\.js)"/.exec(page.body)
      assert.equal((await ask(`${url}/${script}`, { headers })).status, 200, name)
      const bare = await fetch(url, { redirect: 'manual', headers })
      if (name !== 'node:http') assert.equal(new URL(bare.headers.get('location'), url).href, `${url}/`, name)
      if (name !== 'node:http') assert.equal((await ask(`${url}/`)).status, 401, name)
      await env.client.start('order', { runId: name })
      await env.settle()
      const cancelled = await ask(`${url}/api/run/cancel`, {
        method: 'POST',
        headers: { ...headers, ...WRITE },
        body: JSON.stringify({ id: name, reason: `by ${name}` }),
      })
      assert.equal(cancelled.status, 200, `${name}: ${JSON.stringify(cancelled.body)}`)
      assert.equal((await env.client.run(name).describe()).reason, `by ${name}`)
    }
  })

  it('names every option, and no other', async () => {
    const named = [...(await pageOf(PAGE)).matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    assert.deepEqual(named, Object.keys(DASHBOARD_SCHEMA))
  })
})
