// Exits in the middle of its jobs, without a word to the adapter.
import { adapterFor } from './common.js'

const adapter = adapterFor(JSON.parse(process.env.SETTINGS), 'exits', 2000)
adapter.start()
setTimeout(() => process.exit(7), 1000)
