/** `@flowcraft/rabbitmq-adapter/dashboard`: what a team looks at, as a request handler. */
export { type DashboardHandler, dashboardHandler } from './handler.js'
export type { DashboardAction, DashboardOptions, DashboardPlace, DashboardRole, DashboardUser } from './options.js'
