/** A job's answer, and how it is written for the engine: one line of JSON, in which stored values stand as they are. */

export interface JobAnswer {
  outcome: 'finished' | 'failed' | 'retry' | 'paused' | 'opened'
  /** JSON; absent for no output. */
  output?: string
  action?: string
  /** The edges that follow from the result. */
  taken?: TakenEdge[]
  /** The nodes the result adds to the run. */
  added?: AddedNode[]
  /** The scatterer a gatherer sends for its next chunk. */
  again?: string
  /** Why it failed, or is tried again. */
  message?: string
  /** Where the error was thrown that the message is of. */
  stack?: string
  /** In which try within the job it ended, from 1; absent for the first. */
  lastTry?: number
  /** What failed within the same execution before, in its order. */
  tries?: FailedTry[]
  /** Whether its fallback may take over. */
  recoverable?: boolean
  /** Milliseconds before the next attempt. */
  waitMs?: number
  /** The attempt counts as none: it only asked for a later time. */
  postponed?: true
  /** What it waits for; JSON. */
  details?: string
  /** The event it waits for. */
  event?: string
  /** The moment it waits for, in milliseconds since 1970. */
  until?: number
  /** The subflow it opens; JSON. */
  subflow?: string
  /** The span that executed it: a `traceparent`. */
  trace?: string
  writes?: Writes
}

/** An attempt that failed, and that the same job followed with another one. */
export interface FailedTry {
  /** Which try within the job it was, from 1. */
  number: number
  message: string
  stack?: string
  /** How long before the answer, in milliseconds. */
  agoMs: number
}

export interface TakenEdge {
  source: string
  target: string
  /** The edge's transform decides the input, before the definition's `inputs`. */
  fed: boolean
  /** JSON; absent for no input. */
  input?: string
}

export interface AddedNode {
  id: string
  /** JSON. */
  definition: string
  gather?: string
}

/** What a node wrote into the context. */
export interface Writes {
  /** Keys and their values as JSON. */
  sets: [key: string, json: string][]
  deletes: string[]
}

/** The line of a job's answer. JSON text has no line break of its own. */
export function answerLine(job: number, answer: JobAnswer): string {
  const {
    output,
    action,
    taken,
    added,
    again,
    message,
    stack,
    lastTry,
    tries,
    recoverable,
    waitMs,
    postponed,
    details,
    event,
    until,
    subflow,
  } = answer
  let line = `${job} {"outcome":"${answer.outcome}"`
  if (output !== undefined) line += `,"output":${output}`
  if (action !== undefined) line += `,"action":${quoted(action)}`
  if (taken?.length) line += `,"taken":[${taken.map((edge) => edgeText(edge, output)).join()}]`
  if (added?.length) line += `,"added":[${added.map(nodeText).join()}]`
  if (again !== undefined) line += `,"again":${quoted(again)}`
  if (message !== undefined) line += `,"message":${quoted(message)}`
  if (stack !== undefined) line += `,"stack":${quoted(stack)}`
  if (lastTry !== undefined) line += `,"lastTry":${lastTry}`
  if (tries?.length) line += `,"tries":[${tries.map(tryText).join()}]`
  if (recoverable) line += ',"recoverable":true'
  if (waitMs !== undefined) line += `,"waitMs":${JSON.stringify(waitMs)}`
  if (postponed) line += ',"postponed":true'
  if (details !== undefined) line += `,"details":${details}`
  if (event !== undefined) line += `,"event":${quoted(event)}`
  if (until !== undefined) line += `,"until":${JSON.stringify(until)}`
  if (subflow !== undefined) line += `,"subflow":${subflow}`
  if (answer.trace !== undefined) line += `,"trace":${quoted(answer.trace)}`
  const { sets, deletes } = answer.writes ?? {}
  if (sets?.length) line += `,"sets":{${sets.map(([key, json]) => `${quoted(key)}:${json}`).join()}}`
  if (deletes?.length) line += `,"deletes":[${deletes.map(quoted).join()}]`
  return `${line}}\n`
}

/** An input that is the node's output goes over once, however many edges bring it on. */
function edgeText({ source, target, fed, input }: TakenEdge, output: string | undefined): string {
  let text = `{"source":${quoted(source)},"target":${quoted(target)}`
  if (fed) text += ',"fed":true'
  if (input !== undefined) text += input === output ? ',"output":true' : `,"input":${input}`
  return `${text}}`
}

function tryText({ number, message, stack, agoMs }: FailedTry): string {
  const frames = stack === undefined ? '' : `,"stack":${quoted(stack)}`
  return `{"number":${number},"message":${quoted(message)}${frames},"agoMs":${agoMs}}`
}

function nodeText({ id, definition, gather }: AddedNode): string {
  const gathered = gather === undefined ? '' : `,"gather":${quoted(gather)}`
  return `{"id":${quoted(id)},"definition":${definition}${gathered}}`
}

/** Half a surrogate pair is replaced: the engine's texts have none. */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed())
}

/** The line that says that a job was not run: its node runs a blueprint as a subflow that the runtime does not have. */
export function lackingLine(job: number, blueprintId: string): string {
  return `${job} lacking ${quoted(blueprintId)}\n`
}

/** The line that says that a job was not run: the blueprint is not of the revision it was admitted by any more. */
export function outdatedLine(job: number): string {
  return `${job} outdated\n`
}
