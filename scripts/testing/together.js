// Several files of tests in one process: most of what a short one costs is the start of its process. Each file is a suite of its
// own there, so its hooks hold for its tests alone, and the files run one after the other. Node.js 22 can run files in one process
// by itself, but there the hooks of one file hold for all.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repository } from './run.js'

/** Folders of `__test__/` whose files share a process with others of their folder: none looks at its process as a whole. */
const SHARING = ['client', 'dashboard', 'durable', 'encryption', 'guide', 'input', 'memory', 'parity', 'schedules']
/** Files that look at the `message` of core's own errors in a result: Node.js 20 leaves it out after ten in one process. */
const ALONE = [join('__test__', 'guide/subflows.test.js')]
/** Files in one process. Were there more, the last process would end long after the others. */
const AT_MOST = 8

/**
 * Writes a file into a folder for each process that several files share.
 *
 * @param {string[]} files
 * @param {string} folder
 * @returns {Promise<string[]>} the files to run: those that were written, and those that share with none
 */
export async function together(files, folder) {
  const isShared = (file) => SHARING.includes(folderOf(file)) && !ALONE.includes(file)
  const groups = SHARING.flatMap((name) => inGroups(name, files.filter(isShared)))
  const written = groups.map(async ({ name, group }) => {
    const path = join(folder, `${name}.test.js`)
    await writeFile(path, textOf(group))
    return path
  })
  return [...(await Promise.all(written)), ...files.filter((file) => !isShared(file))]
}

/** `__test__/client/run.test.js` is of `client`. */
const folderOf = (file) => file.split(/[\\/]/)[1]

/** Dealt out like cards, so that no group gets what is longest in its folder. */
function inGroups(folder, all) {
  const files = all.filter((file) => folderOf(file) === folder)
  const count = Math.ceil(files.length / AT_MOST)
  return Array.from({ length: count }, (_, at) => ({
    name: `${folder}-${at + 1}`,
    group: files.filter((_, index) => index % count === at),
  }))
}

function textOf(files) {
  const suites = files.map((file) => {
    const url = pathToFileURL(join(repository, file))
    return `describe(${JSON.stringify(file)}, async () => {\n  await import(${JSON.stringify(url)})\n})\n`
  })
  return `import { describe } from 'node:test'\n${suites.join('')}`
}
