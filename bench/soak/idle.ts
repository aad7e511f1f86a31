import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { open, receive } from '../harness/body-client.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { Memory } from '../harness/memory.ts'

const BATCH = 100
/** Files that both processes have open besides. */
const RESERVED_FILES = 200

export interface IdleResult {
  readonly wanted: number
  /** Fewer than wanted where the limit of open files does not allow it. */
  readonly connections: number
  readonly memory_mib: number
  readonly kib_per_connection: number
  /** Of requests on other connections meanwhile, and one on each that waited. */
  readonly failed_replies: number
}

/** Connections that have had a reply and wait: what they cost, and whether they and others are served. */
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

/** Of this process, and of the gate that it starts: Node raises its own limit to the highest that it is allowed. */
function openFilesMax(): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft)
}
