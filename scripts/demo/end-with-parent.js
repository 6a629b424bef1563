// Loaded into the demo's workers before their own code: if the demo dies without having stopped them, the pipe
// between the two closes, and they end too.

process.on('disconnect', () => process.exit(1))
// The pipe alone must not keep a worker running that has stopped.
process.channel?.unref()
