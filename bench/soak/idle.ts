import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { open, receive } from '../harness/body-client.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { Memory } from '../harness/memory.ts'

const BATCH = 100
/** Other open files of both processes. */
const RESERVED_FILES = 200

export interface IdleResult {
  readonly wanted: number
  /** Fewer than requested if the limit of open files is too low. */
  readonly connections: number
  readonly memory_mib: number
  readonly kib_per_connection: number
  /** Failed requests: on other connections during the wait, and one per waiting connection afterwards. */
  readonly failed_replies: number
}

/** Measures the cost of idle connections, and whether idle and other connections are served. */
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

/** Limit of open files of this process and of the gate. Node raises the soft limit to the hard limit. */
function openFilesMax(): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft)
}
