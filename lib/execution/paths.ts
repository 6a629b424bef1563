/** Paths of nodes inside subflows, as people and URLs name them: `container/node`, each part escaped as in a JSON pointer. */
import type { Job } from '../bridge/channel.js'
import { Beside } from './beside.js'

/** What begins the ids of nodes inside subflows in the engine: no node of a blueprint may begin so. */
export const INNER = '_flowcraft/'

/** By which name a node that stands beside a job's node is known outside: its path, inside a subflow. */
export function pathBeside({ inside }: Job, nodeId: string): string {
  return inside === undefined ? nodeId : inside + nodeId.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The parts of a path, as they are named in their blueprints: the containers, the outermost first, and the node. */
export function partsOf(path: string): string[] {
  return path.split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Jobs whose node stands inside a subflow, by the state that its execution has to itself. */
const jobs = new Beside<Job>()

/** The execution of this state is that of a job. */
export function notePlace(state: object, job: Job): void {
  if (job.inside !== undefined) jobs.set(state, job)
}

/** The name of a node that is executed with this state, where that stands inside a subflow. */
export function pathOf(state: object, nodeId: string): string | undefined {
  const job = jobs.get(state)
  return job && pathBeside(job, nodeId)
}
