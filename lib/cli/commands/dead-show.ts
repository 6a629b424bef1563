/** `dead show`. */
import type { Run } from '../command.js'
import { lettersOf } from '../dead.js'
import { CliError, EXIT } from '../exit.js'
import { facts, shownJson, showOne } from '../output.js'
import { Servers } from '../servers.js'
import { formatOf, moment } from '../shown.js'

export const run: Run = (call) =>
  Servers.use(call, ['amqp'], async (servers) => {
    const { parsed, io } = call
    const letter = (await lettersOf(servers, parsed)).find(({ id }) => id === parsed.args[0])
    if (!letter) {
      const todo = ['flowcraft-rabbitmq dead list shows those there are']
      throw new CliError(`There is no dead letter ${parsed.args[0]}`, EXIT.notSo, todo)
    }
    const { id, queue, reason, time, worker, job, body } = letter
    await showOne(io, formatOf(parsed), letter, () => [
      ...facts(io, [
        ['id', id],
        ['queue', queue],
        ['since', moment(time)],
        ['worker', worker],
        ['run', job?.runId],
        ['blueprint', job?.blueprintId],
        ['node', job?.nodeId],
        ['reason', reason, 'red'],
      ]),
      '',
      readable(body),
    ])
    return undefined
  })

/** A body as JSON, where it is JSON, else as a JSON text. */
function readable(body: string): string {
  try {
    return shownJson(JSON.parse(body), 2)
  } catch {
    return shownJson(body)
  }
}
