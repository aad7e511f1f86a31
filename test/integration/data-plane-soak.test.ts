import { expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { sha256 } from './paced-body.ts'

// Many small exchanges of several kinds over concurrent connections: each client gets its own reply, and no exchange
// fails.

const connections = 50
const exchanges = 10_000

const upstream = await startUpstream({
  handler: async (received, response) => {
    await received.over
    const said = `${received.url} ${received.sha256.slice(0, 8)}`
    if (received.url.includes('gone')) return void response.writeHead(204).end()
    if (received.url.includes('sized')) response.setHeader('content-length', said.length)
    else response.flushHeaders()
    response.end(said)
  },
})
const node = await startPublicNode([upstream.url])

const kinds = [
  { method: 'GET', query: 'sized', body: '' },
  { method: 'GET', query: '', body: '' },
  { method: 'POST', query: 'sized', body: 'a small body' },
  { method: 'GET', query: 'sized', body: '' },
  { method: 'PUT', query: '', body: 'x'.repeat(2000) },
  { method: 'DELETE', query: 'gone', body: '' },
  { method: 'HEAD', query: 'sized', body: '' },
  { method: 'GET', query: 'nowhere', body: '' },
].map((kind) => ({ ...kind, hash: sha256(Buffer.from(kind.body)).slice(0, 8) }))

test(`the gate serves ${exchanges} exchanges over ${connections} concurrent connections without a failure`, async () => {
  let next = 0
  let connected = 0
  const wrong: string[] = []

  const client = async () => {
    const wire = await connect(node.port)
    connected++
    while (next < exchanges) {
      const n = next++
      const { method, query, body, hash } = kinds[n % kinds.length]!
      const target = query === 'nowhere' ? `/nowhere/${n}` : `/s/${n}?${query}`
      const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`
      await wire.send(`${method} ${target} HTTP/1.1\r\nHost: api.test\r\n${length}\r\n${body}`)
      const reply = await readReply(wire, { head: method === 'HEAD' })
      const got = reply === undefined ? wire.ending : `${reply.status} ${reply.complete} ${reply.text}`
      const due =
        query === 'nowhere'
          ? /^404 true /
          : query === 'gone'
            ? '204 true '
            : `200 true ${method === 'HEAD' ? '' : `${target} ${hash}`}`
      if (typeof due === 'string' ? got !== due : !due.test(got)) wrong.push(`${method} ${target}: ${got}`)
      if (reply === undefined) return
    }
    wire.close()
  }
  await Promise.all(Array.from({ length: connections }, client))

  expect(wrong).toEqual([])
  expect(connected).toBe(connections)
  expect(upstream.requests).toHaveLength(exchanges - exchanges / kinds.length)
  expect(upstream.malformed).toEqual([])
  await expect.poll(() => node.accessLog().length).toBe(exchanges)
  expect(new Set(node.accessLog().map(({ id }) => id)).size).toBe(exchanges)
  expect(node.accessLog().filter(({ decision }) => decision === 'failed' || decision === 'broken')).toEqual([])
})
