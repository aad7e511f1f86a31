import { createServer, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { type Bytes, Wire } from './wire.ts'

const idleLimitMs = 60_000

/** What an upstream does on one connection; the connection ends when it is over. `index` counts connections from 0. */
export type UpstreamScript = (wire: Wire, index: number) => Promise<void>

/** An upstream over bare TCP, for what no HTTP server would say. */
export interface RawUpstream {
  readonly port: number
  readonly url: string
  /** What was read so far of each connection, in the order in which they came. */
  readonly received: readonly Buffer[]
  /** What went wrong in the script, such as a request that never came. Tests expect it empty. */
  readonly failures: readonly Error[]
  stop(): Promise<void>
}

/**
 * Starts an upstream that follows a script on each connection. Bytes in place of a script are the reply to each request
 * head; request bodies are not waited for.
 */
export async function rawUpstream(script: UpstreamScript | Bytes): Promise<RawUpstream> {
  const run = typeof script === 'function' ? script : replyToEach(script)
  const chunks: Buffer[][] = []
  const failures: Error[] = []
  const sockets = new Set<Socket>()

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = chunks.push([]) - 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    void serve(new Wire(socket, (chunk) => chunks[index]!.push(chunk)), index)
  })
  const serve = async (wire: Wire, index: number) => {
    try {
      await run(wire, index)
    } catch (failure) {
      failures.push(failure as Error)
    }
    wire.finish()
    // What the peer still says is recorded too; a broken connection is no news here.
    await wire.rest(idleLimitMs).catch(() => {})
  }
  const port = await listen(server)

  const stop = async () => {
    const closed = new Promise((done) => server.close(done))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  atEnd(stop)
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get received() {
      return chunks.map((list) => Buffer.concat(list))
    },
    failures,
    stop,
  }
}

function replyToEach(bytes: Bytes): UpstreamScript {
  return async (wire) => {
    while (await wire.some(idleLimitMs)) {
      await wire.until('\r\n\r\n')
      await wire.send(bytes)
    }
  }
}
