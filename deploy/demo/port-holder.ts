import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { namedPorts, type Ports } from './ports.ts'

/** Port of the demo that another process already uses. */
export interface TakenPort {
  readonly name: string
  readonly port: number
  /** Process that uses the port, for example `node (pid 4711)`; `undefined` when the system does not show it. */
  readonly holder: string | undefined
}

/**
 * Finds the ports of the demo that other processes already use.
 *
 * @param except  names of ports that are not checked
 */
export async function takenPorts(ports: Ports, except: readonly string[] = []): Promise<readonly TakenPort[]> {
  const taken: TakenPort[] = []
  for (const [name, port] of namedPorts(ports)) {
    if (!except.includes(name) && !(await isFree(port))) taken.push({ name, port, holder: holderOf(port) })
  }
  return taken
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(new Error(`port ${port} cannot be used: ${error.message}`, { cause: error }))
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

const listening = '0A'
const maxCommandShown = 80

/**
 * Finds the process that listens on a port (proc(5)): first the socket's inode in the TCP table, then the process that
 * has this socket open.
 */
function holderOf(port: number): string | undefined {
  const inodes = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listenersOf(table, port)))
  if (inodes.size === 0) return undefined
  for (const pid of lines(() => readdirSync('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of lines(() => readdirSync(`/proc/${pid}/fd`))) {
      const [target = ''] = lines(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)])
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      if (inode === undefined || !inodes.has(inode)) continue
      return `${commandOf(pid)} (pid ${pid})`
    }
  }
  return undefined
}

/** Returns the full command line of a process. /proc/<pid>/comm would be the name of a thread in a Node.js process. */
function commandOf(pid: string): string {
  const words = lines(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))
  const command = words.join(' ').trim() || 'a process'
  return command.length > maxCommandShown ? `${command.slice(0, maxCommandShown)}…` : command
}

function listenersOf(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return lines(() => readFileSync(table, 'utf8').split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === listening)
    .map((fields) => fields[9] ?? '')
}

/** Reads lines. Returns an empty list for a process that has ended meanwhile or belongs to another user. */
function lines(read: () => readonly string[]): readonly string[] {
  try {
    return read()
  } catch {
    return []
  }
}
