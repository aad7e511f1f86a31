import { createServer, type Socket } from 'node:net'
import { atEnd } from './cleanup.ts'
import { listen } from './ports.ts'
import { type Bytes, Wire } from './wire.ts'

const idleLimitMs = 60_000

/** Behaviour of an upstream on one connection, which ends after the script. `index` counts the connections from 0. */
export type UpstreamScript = (wire: Wire, index: number) => Promise<void>

/** An upstream over plain TCP, for replies that no HTTP server would send. */
export interface RawUpstream {
  readonly port: number
  readonly url: string
  /** Bytes that each connection has received so far; connections are in the order in which they were opened. */
  readonly received: readonly Buffer[]
  /** Errors of the scripts, such as a request that did not arrive. Tests expect none. */
  readonly failures: readonly Error[]
  stop(): Promise<void>
}

/**
 * Starts an upstream that runs a script on each connection. Bytes in place of a script are the reply to each request
 * head; the upstream does not wait for request bodies.
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
    // Bytes that the peer sends after the script are recorded too. A broken connection is ignored.
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
