import { createHash } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { NodeProcess } from '../kit/node-process.ts'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { residentMiB, startPublicProcess } from './data-plane-node.ts'
import { type Framing, framingFields, madeBody, sendPaced, sha256 } from './paced-body.ts'

// A service that reads slowly pauses its client: the gate buffers a bounded part of the upload. The client sends 50 MB/s.
// From a client at loopback speed the listener reads more, see upload-flood.test.ts.

const body = madeBody(60_000_000)

/** The upstream reads nothing until this resolves. Then it reads the whole body and replies with its SHA-256. */
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
  const digest = hash.digest('hex')
  await wire.send(`HTTP/1.1 200 OK\r\nContent-Length: ${digest.length}\r\n\r\n${digest}`)
})
const node = await startPublicProcess([upstream.url], {
  routes: [{ id: 's', match: { path: '/s/**' }, require: 'public', body: { max: 'none' } }],
})

test('the memory of a node grows by less than 25 MiB during a 60 MB upload to a service that begins to read late, and the upload is complete', async () => {
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
  // Data above the memory limit would go to a file. The gate paused the client, so there is no file.
  expect(overflowed).toEqual([])
  expect(upstream.failures).toEqual([])
})

function openFiles(node: NodeProcess): string[] {
  const folder = `/proc/${node.pid}/fd`
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(`${folder}/${fd}`)]
    } catch {
      return []
    }
  })
}
