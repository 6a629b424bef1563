// Loaded by `node --test --import` into the process of every test file: notes how long that process took, from its
// start to its end, in the file that FLOWCRAFT_TEST_TIMES names. Durations of tests leave out imports and hooks.
import { appendFileSync } from 'node:fs'

const file = process.argv[1] ?? ''
const times = process.env.FLOWCRAFT_TEST_TIMES
// A program that a test starts inherits the variables, and with `fork` this module too.
if (times && process.env.NODE_TEST_CONTEXT && file.endsWith('.test.js')) {
  process.once('exit', () => appendFileSync(times, `${JSON.stringify({ file, seconds: process.uptime() })}\n`))
}
