// The worker as systemd, Docker and Kubernetes see it: a process with probes that ends at SIGTERM.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

test('the worker answers its probes, and ends at SIGTERM by itself', async (t) => {
  const worker = spawn(process.execPath, [fileURLToPath(new URL('worker.js', import.meta.url))], {
    env: { ...process.env, PROBE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => worker.kill('SIGKILL'))
  const exited = once(worker, 'exit')
  let port
  for await (const line of createInterface(worker.stdout)) {
    port = /^Probes at port (\d+)$/.exec(line)?.[1]
    if (port) break
  }
  const probe = async (path) => (await fetch(`http://localhost:${port}${path}`)).status
  assert.deepEqual([await probe('/live'), await probe('/ready'), await probe('/else')], [200, 200, 404])
  worker.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})
