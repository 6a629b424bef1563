// Everyone who takes part, in the order of their turns. Each is imported only when it is its turn, in a process of its
// own.
export const CONTESTANTS = ['ours', 'rows', 'bare', 'bullmq', 'bullmq-raised', 'dbos', 'pg-boss', 'version-1']

/** Those who take part only where they are named. */
export const WHERE_NAMED = ['2.0.0', 'history', 'no-sdk', 'sdk', 'sampled']

const BULLMQ = ['@flowcraft/bullmq-adapter', 'bullmq']
const PACKAGES = { bullmq: BULLMQ, 'bullmq-raised': BULLMQ, dbos: ['@dbos-inc/dbos-sdk'], 'pg-boss': ['pg-boss'] }

/** The packages of these contestants, which the bench installs. */
export function packagesOf(ids) {
  return [...new Set(ids.flatMap((id) => PACKAGES[id] ?? []))]
}

/**
 * @typedef {object} Contestant
 * @property {string} id
 * @property {string} title
 * @property {object[]} settings those it may choose from: the fastest on chains is taken for everything
 * @property {string} [settingOf] a contestant before it, whose choice it takes over
 * @property {number} [share] of a load's runs
 * @property {boolean} [once] takes part in the first round only, as it takes minutes
 * @property {string[]} [shapes] those it takes part in; default all
 * @property {() => { file: string, args: string[] }} worker
 * @property {(world: object) => Promise<Client>} open
 * @property {(world: object) => Promise<Caller>} [caller] calls of an application, for shapes that have a `call`
 * @property {(world: object, client: Client) => Promise<object>} [queries] more figures of full tables
 *
 * @typedef {object} Client
 * @property {(runs: string[], flow: object, context: object) => Promise<void>} insert
 * @property {(runs: string[], flow: object) => Promise<void>} start
 * @property {(runs: string[]) => Promise<void>} finish waits until they have ended
 * @property {(runs: string[], flow: object) => Promise<number>} wrong how many did not end as they must
 * @property {(count: number, run: string) => Promise<void>} [fill]
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} Caller
 * @property {(runs: string[], context: object) => Promise<void>} startMany
 * @property {(run: string) => Promise<number>} [wait] starts a run and waits for its result; how many ms after its commit that came
 * @property {() => Promise<void>} close
 */

/** @returns {Promise<Contestant>} */
export async function contestant(id) {
  return (await import(`./${id}.js`)).default
}
