/**
 * The frontier to Rust: the classes of the native engine, whose errors are thrown as the classes of `errors.ts`. JSON
 * crosses as text, absent values as `undefined` or `null`.
 */
import { types } from 'node:util'
import * as binding from '../../binding.js'
import { type ErrorDetails, errorOf, mistake } from '../errors.js'

export type {
  DeadLetter as NativeDeadLetter,
  LiveMessage,
  LiveRead,
  MemoryLoad,
  MemoryMessage,
  MemoryQueue,
  MemoryRun,
  MemoryTables,
} from '../../binding.js'

/** How the addon's own checks of arguments name what is wrong: `InvalidArg`, `StringExpected`, and so on. */
const ARGUMENT = /^InvalidArg$|Expected$/

/** The engine's error as users catch it; anything else as it is. The addon may have been loaded in another realm. */
function typed(error: unknown): unknown {
  if (!types.isNativeError(error) || !('code' in error)) return error
  if ('retryable' in error) {
    const { code, option } = error as Error & ErrorDetails & { option?: string }
    if (code === 'INVALID_OPTION' && option !== undefined) return mistake(code, error.message, { option })
    return errorOf(error.message, error as Error & ErrorDetails)
  }
  if (ARGUMENT.test(String(error.code))) return mistake('INVALID_ARGUMENT', error.message)
  return errorOf(error.message, { code: 'INTERNAL', cause: error })
}

/** Waits, so that an error's stack leads to who called. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    throw typed(error)
  }
}

/** Marks a class whose methods throw typed errors already. */
const TYPED = Symbol.for('@flowcraft/rabbitmq-adapter: typed errors')

/** A native class whose methods throw, and reject with, typed errors. */
function typedErrors<Class extends { prototype: object }>(Native: Class): Class {
  const { prototype } = Native
  // A second copy of this module finds the addon's classes as the first one left them.
  if (Object.hasOwn(prototype, TYPED)) return Native
  Object.defineProperty(prototype, TYPED, { value: true })
  for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || typeof method !== 'function') continue
    function call(this: unknown, ...given: unknown[]): unknown {
      let answer: unknown
      try {
        answer = method.apply(this, given)
      } catch (error) {
        throw typed(error)
      }
      return types.isPromise(answer) ? settled(answer) : answer
    }
    Object.defineProperty(prototype, name, { value: call })
  }
  return Native
}

export const Broker = typedErrors(binding.Broker)
export type Broker = binding.Broker
export const ContextTable = typedErrors(binding.ContextTable)
export type ContextTable = binding.ContextTable
export const Database = typedErrors(binding.Database)
export type Database = binding.Database
export const Engine = typedErrors(binding.Engine)
export type Engine = binding.Engine
export type Following = binding.Following
/** Servers in memory, as tests handle them. */
export const Memory = typedErrors(binding.Memory)
export type Memory = binding.Memory
export const Store = typedErrors(binding.Store)
export type Store = binding.Store
