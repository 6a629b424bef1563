/** The blueprints of a client, and what their types say of the contexts. */
import type { FlowBuilder, WorkflowBlueprint } from 'flowcraft'

/** A blueprint, or what `createFlow` builds. */
export type Flow = WorkflowBlueprint | { toBlueprint(): WorkflowBlueprint }

/** Blueprints by their ids. */
export type Flows = Readonly<Record<string, Flow>>

/** The context of a flow, as `createFlow<Context>` says it; of one that says nothing, any keys. */
export type ContextOf<F> =
  F extends FlowBuilder<infer Context, infer _Dependencies> ? Typed<Context> : Record<string, unknown>

/** Core's own default has `any` for its values. */
type Typed<Context> = string extends keyof Context ? Record<string, unknown> : Context

/** The blueprints themselves, by their ids. Made once: a blueprint is known by its object. */
export function blueprintsOf(flows: Flows): Record<string, WorkflowBlueprint> {
  const made = Object.entries(flows).map(([id, flow]) => [id, 'toBlueprint' in flow ? flow.toBlueprint() : flow])
  return Object.fromEntries(made) as Record<string, WorkflowBlueprint>
}
