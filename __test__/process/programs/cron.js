// A reconciliation from a schedule: the adapter is never started, nothing is closed, the script just ends.
import { createRabbitMqReconciler } from '@flowcraft/rabbitmq-adapter'
import { adapterFor, database } from './common.js'

const settings = JSON.parse(process.env.SETTINGS)
const reconciler = createRabbitMqReconciler({
  adapter: adapterFor(settings, 'cron', 1),
  pgClient: database,
  statusTableName: settings.statuses,
  stalledThresholdSeconds: 3600,
})
console.log(JSON.stringify(await reconciler.run()))
