/** `dead list`. */
import type { Run } from '../command.js'
import { COLUMNS, lettersOf } from '../dead.js'
import { Rows } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['amqp'], async (servers) => {
    const { parsed, io } = call
    const rows = new Rows(io, formatOf(parsed), COLUMNS)
    await rows.add(await lettersOf(servers, parsed))
    await rows.end()
    if (rows.count === 0)
      io.note(`There are no dead letters in ${servers.queues.map((queue) => `${queue}.dead`).join(', ')}.`)
    return undefined
  })
