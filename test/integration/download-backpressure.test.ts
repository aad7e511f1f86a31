import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { residentMiB, startPublicProcess } from './data-plane-node.ts'
import { madeBody } from './paced-body.ts'

// When a client reads slowly, the gate reads slowly from the service. The reply does not accumulate in the memory of
// the gate.

const body = madeBody(80_000_000)
const upstream = await startUpstream({
  handler: (received, response) => {
    if (received.url.endsWith('length')) response.setHeader('content-length', body.length)
    else response.flushHeaders()
    response.end(body)
  },
})
const node = await startPublicProcess([upstream.url])

test.each(['length', 'chunked'])(
  "the gate's memory grows by less than 30 MiB while two clients do not read replies of 80 MB (framing: %s)",
  async (framing) => {
    const before = residentMiB(node)
    const wires = await Promise.all([connect(node.port), connect(node.port)])
    for (const wire of wires) await wire.send(requestBytes({ target: `/s/${framing}` }))
    await sleep(700)
    expect(residentMiB(node) - before).toBeLessThan(30)

    for (const wire of wires) {
      const reply = await readReply(wire)
      expect(reply).toMatchObject({ status: 200, framing, complete: true })
      expect(reply!.body.equals(body)).toBe(true)
      wire.close()
    }
  },
)

test.each(['length', 'chunked'])(
  'a client that reads slowly gets the bytes of the reply in order (framing: %s)',
  async (framing) => {
    const wire = await connect(node.port)
    await wire.send(requestBytes({ target: `/s/${framing}` }))
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    expect(head).toContain(framing === 'length' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked')

    const pieces: Buffer[] = []
    for (let n = 0; n < 60; n++) {
      pieces.push(await wire.take(50_000))
      await sleep(10)
    }
    // The service was paused between these pieces, so the order of the first 3 MB shows that the gate keeps the
    // order.
    const start = framing === 'length' ? Buffer.concat(pieces) : unchunked(Buffer.concat(pieces))
    expect(start.equals(body.subarray(0, start.length))).toBe(true)
    expect(start.length).toBeGreaterThan(2_900_000)
    wire.reset()
  },
)

/** Returns the data of all complete chunks in `bytes`. */
function unchunked(bytes: Buffer): Buffer {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size
    if (lineEnd < 0 || end + 2 > bytes.length) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}
