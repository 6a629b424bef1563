// The examples: small projects that a reader copies. Here they find the package in the repository.
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../..', import.meta.url))
export const folder = join(repository, 'examples')

/** Lets the examples import the package by its name, as they would once it is installed. */
export async function linkPackage() {
  const scope = join(folder, 'node_modules', '@flowcraft')
  await mkdir(scope, { recursive: true })
  await symlink(repository, join(scope, 'rabbitmq-adapter'), 'junction').catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
}

/** The projects: their names, and what their package.json says. The demo's program has none: it is of this repository. */
export async function examples() {
  const names = (await readdir(folder)).sort()
  const found = await Promise.all(
    names.map(async (name) => {
      const manifest = await readFile(join(folder, name, 'package.json'), 'utf8').catch(() => undefined)
      return manifest && { name, path: join(folder, name), manifest: JSON.parse(manifest) }
    }),
  )
  return found.filter(Boolean)
}

/** The files of a project that git knows or would. */
export async function filesOf({ path }) {
  const files = await readdir(path, { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile())
    .map((file) => join(file.parentPath ?? file.path, file.name))
    .filter((file) => !/[\\/](node_modules|dist|\.next)[\\/]/.test(file.slice(path.length)))
}
