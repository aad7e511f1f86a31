import { Content, open, receive, send } from './body-client.ts'
import type { LoadTarget } from './drive.ts'
import { Memory } from './memory.ts'

const MB = 1_000_000

export interface BodyResult {
  readonly bytes: number
  readonly identical: boolean
  readonly seconds: number
  readonly memory_mib: number
}

/**
 * Downloads a body through the gate. @param readMbPerSecond  maximum read rate of the client, MB/s; default: no limit
 */
export async function down(gate: LoadTarget, bytes: number, readMbPerSecond?: number): Promise<BodyResult> {
  const content = new Content(bytes)
  return measured(gate, bytes, async () => {
    const socket = await open(gate.port)
    socket.write(`GET /down/${bytes} HTTP/1.1\r\nHost: soak.bench\r\n\r\n`)
    const reply = await receive(socket, readMbPerSecond === undefined ? undefined : readMbPerSecond * MB)
    socket.destroy()
    return reply.status === 200 && reply.bytes === bytes && reply.sha256 === content.sha256()
  })
}

export interface UploadOptions {
  readonly bytes: number
  readonly uploads: number
  /** Rate at which the service reads each upload, MB/s; 0: no limit. */
  readonly takenMbPerSecond: number
  /** Rate at which the client sends each upload, MB/s; `undefined`: as fast as possible. */
  readonly sentMbPerSecond?: number
}

/**
 * Uploads bodies through the gate in parallel. The gate must buffer when the client sends faster than the service
 * reads.
 */
export async function up(gate: LoadTarget, options: UploadOptions): Promise<BodyResult> {
  const { bytes, uploads, takenMbPerSecond, sentMbPerSecond } = options
  const content = new Content(bytes)
  const due = content.sha256()
  const one = async (): Promise<boolean> => {
    const socket = await open(gate.port)
    const head = `POST /up/${takenMbPerSecond * MB} HTTP/1.1\r\nHost: soak.bench\r\nContent-Length: ${bytes}\r\n\r\n`
    socket.write(head)
    const [reply] = await Promise.all([
      receive(socket),
      send(socket, content, sentMbPerSecond === undefined ? undefined : sentMbPerSecond * MB),
    ])
    socket.destroy()
    return reply.status === 200 && reply.text === due
  }
  return measured(gate, bytes * uploads, async () => {
    const outcomes = await Promise.all(Array.from({ length: uploads }, one))
    return outcomes.every((identical) => identical)
  })
}

async function measured(gate: LoadTarget, bytes: number, work: () => Promise<boolean>): Promise<BodyResult> {
  const memory = new Memory(gate.pid)
  const startedAt = performance.now()
  const identical = await work()
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  return { bytes, identical, seconds, memory_mib: memory.end() }
}
