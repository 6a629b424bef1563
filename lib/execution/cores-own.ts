/** Nodes that core brings along: none of the user's code runs in them. */
import type { FlowRuntime, NodeDefinition } from 'flowcraft'
import { isSubflow } from './subflow-jobs.js'
import { isWebhookClass } from './webhook-nodes.js'

type Runtime = FlowRuntime<Record<string, unknown>, Record<string, unknown>>

const CORES_OWN = new Set(['batch-scatter', 'batch-gather', 'loop-controller', 'subflow', 'wait', 'sleep', 'webhook'])

/** Whether a node is one of core's: its keys are written with its answer, and it calls no `heartbeat`. */
export function isCoresOwn(runtime: Runtime, node: NodeDefinition): boolean {
  return CORES_OWN.has(node.uses) || isSubflow(runtime, node) || isWebhookClass(runtime.registry.get(node.uses))
}
