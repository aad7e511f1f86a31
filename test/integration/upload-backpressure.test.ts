import { createHash } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { TestNode } from '../kit/node.ts'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { residentMiB, startPublicNode } from './data-plane-node.ts'
import { type Framing, framingFields, madeBody, sendPaced, sha256 } from './paced-body.ts'

// A service that reads slowly holds its client, not the gate's memory: what the gate has read and the service has not is
// bounded. With a client at 50 MB/s: from one that is as fast as loopback, the listener takes more (upload-flood).

const body = madeBody(60_000_000)

/** Reads nothing until it is told to, then all at once, and says what it has read. */
const reading = Promise.withResolvers<void>()
const upstream = await rawUpstream(async (wire) => {
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  await reading.promise
  const hash = createHash('sha256')
  for (let left = body.length; left > 0; ) {
    const piece = await wire.take(Math.min(left, 64 * 1024))
    if (piece.length === 0) return
    hash.update(piece)
    left -= piece.length
  }
  expect(head).toContain(`content-length: ${body.length}\r\n`)
  const said = hash.digest('hex')
  await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${said.length}\r\n\r\n${said}`)
})
const node = await startPublicNode([upstream.url], {
  routes: [{ id: 's', match: { path: '/s/**' }, require: 'public', body: { max: 'none' } }],
})

test('60 MB towards a service that does not read grow the gate by a part of them, and arrive whole once it does', async () => {
  const before = residentMiB(node)
  const wire = await connect(node.port)
  await wire.send(`POST /s/1 HTTP/1.1\r\nHost: api.test\r\n${framingFields('length', body.length)}\r\n`)
  await sendPaced(wire, body, 'length' satisfies Framing)
  const grown = residentMiB(node) - before
  const overflowed = openFiles(node).filter((path) => path.includes('gatehouse-upload'))
  reading.resolve()

  const reply = await readReply(wire)
  expect(reply).toMatchObject({ status: 200, text: sha256(body) })
  expect(grown).toBeLessThan(25)
  // What goes beyond the gate's memory waits in a file; a client that is held leaves nothing to put there.
  expect(overflowed).toEqual([])
  expect(upstream.failures).toEqual([])
})

function openFiles(node: TestNode): string[] {
  const folder = `/proc/${node.pid}/fd`
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)]
    } catch {
      return []
    }
  })
}
