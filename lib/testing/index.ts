/**
 * `@flowcraft/rabbitmq-adapter/testing`: tests of your workflows, without servers and without waiting.
 *
 * @packageDocumentation
 */
export type { TestClock } from './clock.js'
export type { Delivered, Delivery } from './deliveries.js'
export type { Duration } from './duration.js'
export {
  createTestEnvironment,
  type ExecutingNode,
  type FailingServer,
  TestEnvironment,
} from './environment.js'
export { type CompletedRun, type FailedRun, RunExpectation } from './expectations.js'
export type { TestEnvironmentOptions, TestRuntimeOptions, TestServers } from './options.js'
export type { ServerOptions } from './servers.js'
