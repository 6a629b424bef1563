/** Modules of the user's: blueprints, and workers. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Flow, Flows } from '../client/flows.js'
import { isObject } from '../is-object.js'
import type { ValueCodec } from '../options/codec.js'
import { usage } from './exit.js'

/** Loads a module by its path. */
export async function loadModule(path: string): Promise<Record<string, unknown>> {
  const file = resolve(path)
  if (!existsSync(file)) throw usage(`There is no module ${path}`)
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw usage(`The module ${path} cannot be loaded: ${why}`)
  }
}

/** The codec that a module exports, by whatever name. */
export async function loadCodec(path: string | undefined): Promise<ValueCodec | undefined> {
  if (path === undefined) return undefined
  const codec = Object.values(await loadModule(path)).find(isCodec)
  if (!codec) throw usage(`${path} exports no codec`, 'export one: export const codec = createAesCodec({ … })')
  return codec
}

function isCodec(value: unknown): value is ValueCodec {
  return isObject(value) && typeof value.encode === 'function' && typeof value.decode === 'function'
}

/** The blueprints that a module exports, by their ids: flows and blueprints, alone or in an object of them. */
export async function loadFlows(path: string | undefined): Promise<Flows> {
  if (path === undefined) return {}
  const found = new Map<string, Flow>()
  const exported = Object.values(await loadModule(path))
  for (const value of exported.flatMap((each) => (isObject(each) && !isFlow(each) ? Object.values(each) : [each]))) {
    if (isFlow(value)) found.set(idOf(value), value)
  }
  if (found.size === 0) {
    throw usage(`${path} exports no blueprint`, 'export flows: export const flows = { order: createFlow(…) }')
  }
  return Object.fromEntries(found)
}

function isFlow(value: unknown): value is Flow & Record<string, unknown> {
  if (!isObject(value)) return false
  return typeof value.toBlueprint === 'function' || (typeof value.id === 'string' && Array.isArray(value.nodes))
}

function idOf(flow: Flow): string {
  return 'toBlueprint' in flow ? flow.toBlueprint().id : flow.id
}
