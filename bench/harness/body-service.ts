import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Content } from './body-client.ts'

/**
 * HTTP service for large bodies, run as a separate process. `GET /down/BYTES` returns BYTES bytes. `POST /up/RATE`
 * reads the request body at RATE bytes per second.
 */
const server = createServer(async (request, response) => {
  const [, verb, number] = /^\/(\w+)\/(\d+)/.exec(request.url ?? '') ?? []
  if (verb === 'down') await give(response, new Content(Number(number)))
  else if (verb === 'up') await take(request, response, Number(number))
  else response.end('{"service":"bodies"}')
})
// The gate's idle connections must stay open during the pauses of the scenario `memory`. The timeout is longer than each
// pause.
server.keepAliveTimeout = 120_000
server.requestTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit(0))

async function give(response: ServerResponse, content: Content): Promise<void> {
  response.setHeader('content-length', content.bytes)
  // Ignore errors: clients may disconnect during a reply.
  await pipeline(Readable.from(content.blocks()), response).catch(() => undefined)
}

/** Reads a request body and replies with its SHA-256. @param bytesPerSecond  maximum read rate; 0: no limit */
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
  const digest = hash.digest('hex')
  response.setHeader('content-length', digest.length)
  response.end(digest)
}
