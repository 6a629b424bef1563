// A reporter for Node's test runner that says only how many tests passed and failed, for the closing line.

export default async function* summary(source) {
  const totals = { passed: 0, failed: 0 }
  for await (const event of source) {
    // Suites and files are counted by their tests, and by themselves only when they break on their own.
    const isTest = event.data?.details?.type !== 'suite' && event.data?.name !== event.data?.file
    if (event.type === 'test:pass' && isTest && !event.data.skip && !event.data.todo) totals.passed += 1
    if (event.type === 'test:fail' && isTest) totals.failed += 1
  }
  yield JSON.stringify(totals)
}
