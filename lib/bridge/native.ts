/**
 * The frontier to Rust: the classes of the native engine, whose errors are thrown as the classes of `errors.ts`. JSON
 * crosses as text, absent values as `undefined` or `null`.
 */
import * as binding from '../../binding.js'
import { type ErrorDetails, errorOf, mistake } from '../errors.js'

export type {
  DeadLetter as NativeDeadLetter,
  LiveMessage,
  LiveRead,
  MemoryMessage,
  MemoryQueue,
  MemoryRun,
  MemoryTables,
} from '../../binding.js'

/** The engine's error as users catch it; anything else as it is. */
function typed(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  // The addon's own checks of arguments say nothing of retrying.
  if (!('retryable' in error)) return mistake('INVALID_ARGUMENT', error.message)
  return errorOf(error.message, error as Error & ErrorDetails)
}

/** Waits, so that an error's stack leads to who called. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    throw typed(error)
  }
}

/** A native class whose methods throw, and reject with, typed errors. */
function typedErrors<Class extends { prototype: object }>(Native: Class): Class {
  const { prototype } = Native
  for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor' || typeof method !== 'function') continue
    function call(this: unknown, ...given: unknown[]): unknown {
      let answer: unknown
      try {
        answer = method.apply(this, given)
      } catch (error) {
        throw typed(error)
      }
      return answer instanceof Promise ? settled(answer) : answer
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
/** Servers in memory, as tests handle them. */
export const Memory = typedErrors(binding.Memory)
export type Memory = binding.Memory
export const Store = typedErrors(binding.Store)
export type Store = binding.Store
