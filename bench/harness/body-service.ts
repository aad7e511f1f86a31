import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Content } from './body-client.ts'

/** A service of large bodies, in a process of its own: `/down/BYTES` gives that many, `/up/RATE` takes so many a second. */
const server = createServer(async (request, response) => {
  const [, verb, told] = /^\/(\w+)\/(\d+)/.exec(request.url ?? '') ?? []
  if (verb === 'down') await give(response, new Content(Number(told)))
  else if (verb === 'up') await take(request, response, Number(told))
  else response.end('{"service":"bodies"}')
})
// Connections of the gate are kept for longer than the pauses of a soak.
server.keepAliveTimeout = 120_000
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit(0))

async function give(response: ServerResponse, content: Content): Promise<void> {
  response.setHeader('content-length', content.bytes)
  // A client that leaves is no news here.
  await pipeline(Readable.from(content.blocks()), response).catch(() => undefined)
}

/** @param bytesPerSecond  0: as fast as they come */
async function take(request: IncomingMessage, response: ServerResponse, bytesPerSecond: number): Promise<void> {
  const startedAt = performance.now()
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      if (bytesPerSecond === 0) continue
      const aheadMs = (bytes / bytesPerSecond) * 1000 - (performance.now() - startedAt)
      if (aheadMs > 5) await sleep(aheadMs)
    }
  } catch {
    return
  }
  const said = hash.digest('hex')
  response.setHeader('content-length', said.length)
  response.end(said)
}
