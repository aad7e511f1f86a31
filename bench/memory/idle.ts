import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { open, receive } from '../harness/body-client.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { Memory } from '../harness/memory.ts'

const BATCH = 100
/** Number of file descriptors that this process or the gate needs in addition to the idle connections. */
const RESERVED_FILES = 200

export interface IdleResult {
  readonly wanted: number
  /** Number of opened idle connections. Lower than `wanted` if the limit of open files is too low. */
  readonly connections: number
  readonly memory_mib: number
  readonly kib_per_connection: number
  /**
   * Number of failed requests: on another connection while the connections are idle, and afterwards one request on each
   * idle connection.
   */
  readonly failed_replies: number
}

/**
 * Measures the memory of idle connections. Checks that requests succeed on another connection meanwhile, and on every
 * idle connection afterwards.
 */
export async function idle(gate: LoadTarget, wanted: number): Promise<IdleResult> {
  const connections = Math.min(wanted, openFilesMax() - RESERVED_FILES)
  const memory = new Memory(gate.pid)
  const waiting: Socket[] = []
  let failed = 0
  const ask = async (socket: Socket): Promise<void> => {
    socket.write('GET /down/100 HTTP/1.1\r\nHost: soak.bench\r\n\r\n')
    if ((await receive(socket)).status !== 200) failed++
  }
  while (waiting.length < connections) {
    const some = Array.from({ length: Math.min(BATCH, connections - waiting.length) }, () => open(gate.port))
    const opened = await Promise.all(some)
    await Promise.all(opened.map(ask))
    waiting.push(...opened)
  }
  const other = await open(gate.port)
  for (let n = 0; n < 200; n++) await ask(other)
  const risen = memory.end()
  for (let at = 0; at < connections; at += BATCH) await Promise.all(waiting.slice(at, at + BATCH).map(ask))
  for (const socket of [other, ...waiting]) socket.destroy()
  return {
    wanted,
    connections,
    memory_mib: risen,
    kib_per_connection: Math.round((risen * 1024 * 10) / connections) / 10,
    failed_replies: failed,
  }
}

/**
 * Reads the limit of open files of this process; the gate has the same limit. Node.js raises the soft limit to the hard
 * limit at its start.
 */
function openFilesMax(): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft)
}
