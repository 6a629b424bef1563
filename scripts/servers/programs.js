// Finds the server programs of this machine.

import { accessSync, constants, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/**
 * The programs of each server that can be run here; a server that cannot be is missing.
 *
 * @returns {{
 *   rabbitmq?: { rabbitmq: string, epmd: string }, postgres?: { postgres: string }, redis?: { redis: string },
 *   pgbouncer?: { pgbouncer: string }
 * }} for rabbitmq and postgres the folder of their programs, for the others the program itself
 */
export function findPrograms() {
  const rabbitmq = rabbitmqFolder()
  const epmd = epmdProgram()
  const postgres = postgresFolder()
  const redis = onPath('redis-server')
  const pgbouncer = onPath('pgbouncer')
  return {
    ...(rabbitmq && epmd && { rabbitmq: { rabbitmq, epmd } }),
    ...(postgres && { postgres: { postgres } }),
    ...(redis && { redis: { redis } }),
    ...(pgbouncer && { pgbouncer: { pgbouncer } }),
  }
}

/**
 * The folder of RabbitMQ's own scripts. The commands that Debian puts on the path are wrappers which change
 * the user and use the machine's own node; the real scripts can be told by the rabbitmq-env beside them.
 */
function rabbitmqFolder() {
  const candidates = [
    ...(process.env.RABBITMQ_HOME ? [join(process.env.RABBITMQ_HOME, 'sbin')] : []),
    '/usr/lib/rabbitmq/bin',
    ...versions('/usr/lib/rabbitmq/lib', /^rabbitmq_server-/, 'sbin'),
    '/opt/rabbitmq/sbin',
    '/opt/homebrew/opt/rabbitmq/sbin',
    '/usr/local/opt/rabbitmq/sbin',
    folderOnPath('rabbitmq-server'),
  ]
  return candidates.find((folder) => holds(folder, ['rabbitmq-server', 'rabbitmqctl', 'rabbitmq-env']))
}

function epmdProgram() {
  const besideErl = dirname(folderOnPath('erl') ?? '/usr/lib/erlang/bin')
  const roots = [besideErl, '/usr/lib/erlang', '/usr/local/lib/erlang']
  const folders = roots.flatMap((root) => [join(root, 'bin'), ...versions(root, /^erts-/, 'bin')])
  const folder = folders.find((candidate) => holds(candidate, ['epmd']))
  return onPath('epmd') ?? (folder && join(folder, 'epmd'))
}

/** Debian keeps initdb and postgres off the path, in one folder for each version. */
function postgresFolder() {
  const candidates = [
    ...versions('/usr/lib/postgresql', /^\d/, 'bin'),
    ...versions('/usr', /^pgsql-\d/, 'bin'),
    ...versions('/opt/homebrew/opt', /^postgresql(@\d+)?$/, 'bin'),
    ...versions('/usr/local/opt', /^postgresql(@\d+)?$/, 'bin'),
    folderOnPath('postgres'),
  ]
  return candidates.find((folder) => holds(folder, ['postgres', 'initdb']))
}

/** The matching sub-folders, the newest version first. */
function versions(parent, pattern, below) {
  let names = []
  try {
    names = readdirSync(parent).filter((name) => pattern.test(name))
  } catch {
    // not this kind of machine
  }
  names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  return names.map((name) => join(parent, name, below))
}

function onPath(program) {
  const usual = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin']
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...usual]
  const folder = folders.find((each) => holds(each, [program]))
  return folder && join(folder, program)
}

function folderOnPath(program) {
  const path = onPath(program)
  return path && dirname(realpathSync(path))
}

function holds(folder, programs) {
  if (!folder) return false
  try {
    for (const program of programs) accessSync(join(folder, program), constants.R_OK)
    return true
  } catch {
    return false
  }
}
