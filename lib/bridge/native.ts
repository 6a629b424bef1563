/**
 * The frontier to Rust: the classes of the native engine, and nothing else. JSON crosses as text, absent
 * values as `undefined` or `null`.
 */

export type {
  DeadLetter as NativeDeadLetter,
  LiveMessage,
  LiveRead,
} from '../../binding.js'
export { Broker, ContextTable, Database, Engine, Store } from '../../binding.js'
