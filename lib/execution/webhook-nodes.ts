/**
 * Webhook nodes: core's `WebhookNode`, and classes of the user's that extend it. Core leaves the waiting to the adapter. One
 * whose event another node of its blueprint names (`wait` with `params.eventName`) passes its URL on, and that node waits;
 * one that nobody waits for waits itself.
 */
import { isNodeClass, type NodeContext, type NodeImplementation, WebhookNode, type WorkflowBlueprint } from 'flowcraft'
import { pathOf } from './paths.js'

/** The name of the event a webhook's delivery is. */
export const webhookEvent = (nodeId: string) => `webhook:${nodeId}`

/** Where a delivery goes, and the event it is. */
export interface Endpoint {
  url?: string | undefined
  event?: string | undefined
}

/** What a webhook node that waits says it waits for, in `_awaitingDetails`. */
export interface WebhookDetails extends Endpoint {
  reason: 'webhook'
}

/** Classes made here, by the class that each extends: adapters of one process share them. */
const made = new WeakMap<typeof WebhookNode, typeof WebhookNode>()

/** Has the webhook nodes of a registry wait, at any depth: subflows run with the registry of their runtime. */
export function letWebhooksWait(registry: Map<string, NodeImplementation>): void {
  for (const [uses, implementation] of registry) {
    if (isWebhookClass(implementation)) registry.set(uses, thatWaits(implementation))
  }
}

/** What a node is, once its delivery came, if it waited for one: core's shape, with the request. */
export function webhookOutput(details: unknown, request: unknown): Record<string, unknown> | undefined {
  if (!isWebhookDetails(details)) return undefined
  const { url, event } = details
  return { url, event, request }
}

export function isWebhookDetails(details: unknown): details is WebhookDetails {
  return (details as { reason?: unknown } | null | undefined)?.reason === 'webhook'
}

/** Whether a node's implementation is a webhook's. */
export function isWebhookClass(implementation: unknown): implementation is typeof WebhookNode {
  return (
    isNodeClass(implementation) &&
    ((implementation as unknown) === WebhookNode || implementation.prototype instanceof WebhookNode)
  )
}

function thatWaits(Implementation: typeof WebhookNode): typeof WebhookNode {
  let waiting = made.get(Implementation)
  if (!waiting) {
    waiting = extended(Implementation)
    made.set(Implementation, waiting)
    // A registry that was given this class has nothing left to change.
    made.set(waiting, waiting)
  }
  return waiting
}

function extended(Implementation: typeof WebhookNode): typeof WebhookNode {
  class WaitingWebhook extends Implementation {
    override async prep(context: NodeContext) {
      const path = pathOf(context.dependencies.workflowState, this.nodeId ?? '')
      return super.prep(path === undefined ? context : atPath(context, this.nodeId ?? '', path))
    }
    override async exec(prepared: { url: string; event: string }, context: NodeContext) {
      const result = await super.exec(prepared, context)
      const nodeId = this.nodeId ?? ''
      const { url, event } = (result.output ?? {}) as Endpoint
      const { blueprint } = context.dependencies.runtime as unknown as { blueprint: WorkflowBlueprint }
      if (hasWait(blueprint, nodeId, event)) return { ...result, output: { url, event } }
      const details: WebhookDetails = { reason: 'webhook', url, event: event ?? webhookEvent(nodeId) }
      await context.dependencies.workflowState.markAsAwaiting(nodeId, details)
      return { output: undefined }
    }
  }
  Object.defineProperty(WaitingWebhook, 'name', { value: Implementation.name })
  return WaitingWebhook
}

interface Registrar {
  registerWebhookEndpoint(runId: string, nodeId: string): Promise<Endpoint>
}

/** The context of a node inside a subflow: its endpoint is registered under its path, for others may have its id. */
function atPath(context: NodeContext, nodeId: string, path: string): NodeContext {
  const { adapter } = context.dependencies as unknown as { adapter?: Registrar }
  if (!adapter) return context
  const register = (runId: string, id: string) => adapter.registerWebhookEndpoint(runId, id === nodeId ? path : id)
  const named = new Proxy(adapter, {
    get(target, key) {
      if (key === 'registerWebhookEndpoint') return register
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { ...context, dependencies: { ...context.dependencies, adapter: named } } as NodeContext
}

/** Whether another node of the blueprint waits for the webhook's event. */
function hasWait(blueprint: WorkflowBlueprint, nodeId: string, event: string | undefined): boolean {
  const names = new Set<unknown>([webhookEvent(nodeId), event ?? webhookEvent(nodeId)])
  return blueprint.nodes.some(({ id, params }) => id !== nodeId && names.has(params?.eventName))
}
