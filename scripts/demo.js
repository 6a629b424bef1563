// `npm run demo`: sets everything up, then shows orders going through a workflow on two workers.

import { prepare } from './prepare.js'

const log = (line) => console.log(line)

try {
  await prepare({ log })
  // Only now are the packages there that it imports.
  const { runDemo } = await import('./demo/run.js')
  process.exitCode = await runDemo({ log })
} catch (error) {
  console.error(`\n${error.message || error.code || error}`)
  process.exitCode = 1
}
