// How the checks call Cargo.
import { run } from './run.js'

/** The arguments all calls share, so that they share the compiled dependencies too: the addon's profile and target. */
export async function cargoArguments() {
  const { printed } = await run('rustc', ['-vV'])
  return ['--release', '--locked', '--target', printed.match(/^host: (.+)$/m)[1]]
}
