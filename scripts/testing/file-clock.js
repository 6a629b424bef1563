// Loaded by `node --test --import` into the process of every test file: notes how long that process took, from its
// start to its end, in the file that FLOWCRAFT_TEST_TIMES names (durations of tests leave out imports and hooks), and
// ends a process that hangs, so that one file cannot keep the whole run from its closing line.
import { appendFileSync } from 'node:fs'

const file = process.argv[1] ?? ''
const times = process.env.FLOWCRAFT_TEST_TIMES
/** Far more than the slowest file takes on a slow machine. */
const LONGEST_SECONDS = Number(process.env.FLOWCRAFT_TEST_FILE_SECONDS ?? 480)

// A program that a test starts inherits the variables, and with `fork` this module too.
if (times && process.env.NODE_TEST_CONTEXT && file.endsWith('.test.js')) {
  process.once('exit', () => appendFileSync(times, `${JSON.stringify({ file, seconds: process.uptime() })}\n`))
  setTimeout(() => {
    const alive = process.getActiveResourcesInfo().join(', ')
    console.error(`${file} has not ended after ${LONGEST_SECONDS} s. What keeps its process alive: ${alive}`)
    process.exit(1)
  }, LONGEST_SECONDS * 1000).unref()
}
