// Ends a server together with everything it started.
//
// A process group alone is not enough: PostgreSQL gives every backend its own session, and Erlang gives every
// helper program its own group. So a server's family is found in the process table.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Sends `signal` to the process `pid` and waits until it and its whole family are gone; whatever is left
 * after `grace` milliseconds is killed. With SIGKILL the whole family is killed at once, as in a power cut.
 *
 * @param {number} pid leader of its own session
 * @param {NodeJS.Signals} signal
 * @param {number} grace
 */
export async function endFamily(pid, signal, grace) {
  const members = new Set(family(pid))
  if (signal !== 'SIGKILL') {
    send(pid, signal)
    send(pid, 'SIGCONT') // a paused process would not notice the signal
    await gone(members, grace)
  }
  kill(pid, members)
  await gone(members, 5000)
}

/** Kills what a process that has just ended left behind in its session. */
export function endOrphans(pid) {
  kill(pid, new Set())
}

/** Kills the members and the rest of the family. All are paused first, so that nothing is born meanwhile. */
function kill(leader, members) {
  let newcomers = [...members, ...family(leader)]
  while (newcomers.length > 0) {
    for (const member of newcomers) {
      members.add(member)
      send(member, 'SIGSTOP')
    }
    newcomers = family(leader).filter((member) => !members.has(member))
  }
  for (const member of members) send(member, 'SIGKILL')
}

function send(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Waits until none of the processes is alive, dropping those that have gone from the set. */
async function gone(pids, patience) {
  const deadline = Date.now() + patience
  for (;;) {
    const alive = new Set(processTable().map((entry) => entry.pid))
    for (const pid of pids) if (!alive.has(pid)) pids.delete(pid)
    if (pids.size === 0 || Date.now() > deadline) return
    await sleep(20)
  }
}

/** The process itself first, then every living descendant and every member of its session or group. */
function family(leader) {
  const table = processTable()
  const members = new Set([leader])
  for (let before = 0; before < members.size; ) {
    before = members.size
    for (const { pid, parent, group, session } of table) {
      if (members.has(parent) || group === leader || session === leader) members.add(pid)
    }
  }
  const alive = new Set(table.map((entry) => entry.pid))
  return [...members].filter((pid) => alive.has(pid))
}

/** Every living process; one that has ended but was not yet collected by its parent does not count. */
function processTable() {
  return existsSync('/proc/self/stat') ? tableFromProc() : tableFromPs()
}

function tableFromProc() {
  const table = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    let stat
    try {
      stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    } catch {
      continue // it ended while we were reading
    }
    // The program's name stands in brackets and may itself hold spaces and brackets.
    const [state, ...numbers] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 4)
    const [parent, group, session] = numbers.map(Number)
    if (state !== 'Z' && state !== 'X') table.push({ pid: Number(name), parent, group, session })
  }
  return table
}

function tableFromPs() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8' }).trim()
  return lines.split('\n').flatMap((line) => {
    const [pid, parent, group, state] = line.trim().split(/\s+/)
    if (state.startsWith('Z')) return []
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), session: undefined }]
  })
}
