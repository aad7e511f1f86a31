import { expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { startPublicNode } from './data-plane-node.ts'
import { type ScriptedReply, scriptedReplies } from './upstream-script.ts'

// RFC 9110 §6.4.1, S-015: a reply to HEAD, and every 204 and 304, ends with its head, even if its fields announce a
// body or the service sends a body. The connection stays usable afterwards.

interface Case extends ScriptedReply {
  readonly method: 'HEAD' | 'GET'
  readonly status: number
  /** Expected Content-Length of the reply to the client; absent: the reply must not have one. */
  readonly length?: string
}

const ok = 'HTTP/1.1 200 OK\r\nETag: "x"\r\n'
const none = 'HTTP/1.1 204 No Content\r\nETag: "x"\r\n'
const same = 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n'
const head = (bytes: string, length?: string): Case => ({
  method: 'HEAD',
  status: 200,
  bytes,
  ...(length === undefined ? {} : { length }),
})
const get = (status: number, bytes: string): Case => ({ method: 'GET', status, bytes })

const cases: Record<string, Case> = {
  'HEAD with Content-Length': head(`${ok}Content-Length: 5\r\n\r\n`, '5'),
  'HEAD with Content-Length: 0': head(`${ok}Content-Length: 0\r\n\r\n`, '0'),
  'HEAD with a Content-Length beyond 32 bits': head(`${ok}Content-Length: 5000000000\r\n\r\n`, '5000000000'),
  'HEAD without Content-Length': head(`${ok}\r\n`),
  'HEAD with Transfer-Encoding: chunked': head(`${ok}Transfer-Encoding: chunked\r\n\r\n`),
  'HEAD with a forbidden body': head(`${ok}Content-Length: 5\r\n\r\nhello`, '5'),
  'HEAD with a forbidden chunked body': head(`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
  'HEAD with status 204': { ...head(`${none}\r\n`), status: 204 },
  'HEAD with status 304': { ...head(`${same}Content-Length: 5\r\n\r\n`), status: 304 },
  'HEAD with status 404': {
    ...head('HTTP/1.1 404 Not Found\r\nETag: "x"\r\nContent-Length: 9\r\n\r\n', '9'),
    status: 404,
  },
  '204': get(204, `${none}\r\n`),
  '204 with Content-Length: 0': get(204, `${none}Content-Length: 0\r\n\r\n`),
  '204 with a body': get(204, `${none}Content-Length: 5\r\n\r\nhello`),
  '204 with a chunked body': get(204, `${none}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
  '304': get(304, `${same}\r\n`),
  '304 with the Content-Length of the 200': get(304, `${same}Content-Length: 5\r\n\r\n`),
  '304 with a body': get(304, `${same}Content-Length: 5\r\n\r\nhello`),
  '304 with a chunked body': get(304, `${same}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`),
}

const nameOf = (title: string) => title.replaceAll(/[^A-Za-z0-9]+/g, '-')
const upstream = await rawUpstream(
  scriptedReplies({
    ...Object.fromEntries(Object.entries(cases).map(([title, said]) => [nameOf(title), said])),
    next: { bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext' },
  }),
)
const node = await startPublicNode([upstream.url])

test.each(Object.keys(cases))(
  'the client connection stays usable after a reply to which HTTP allows no body: %s',
  async (title) => {
    const { method, status, length } = cases[title]!
    const wire = await connect(node.port)
    await wire.send(requestBytes({ method, target: `/s/${nameOf(title)}` }))
    const reply = await readReply(wire, { head: true })

    expect(reply).toMatchObject({ status, complete: true })
    expect(reply!.field('etag')).toBe('"x"')
    expect(reply!.field('content-length')).toBe(length)
    expect(reply!.field('transfer-encoding')).toBeUndefined()
    expect(reply!.field('connection')).toBeUndefined()
    expect(await wire.quiet(20)).toBe(true)
    await wire.send(requestBytes({ target: '/s/next' }))
    expect(await readReply(wire)).toMatchObject({ status: 200, text: 'next' })
  },
)

test.each(Object.keys(cases))(
  'the gate sends a reply without a body (%s) to a request with Connection: close',
  async (title) => {
    const { method, status, length } = cases[title]!
    for (const option of ['close', 'close, x-foo']) {
      const wire = await connect(node.port)
      await wire.send(requestBytes({ method, target: `/s/${nameOf(title)}`, fields: [['Connection', option]] }))
      const reply = await readReply(wire, { head: true })

      expect(reply).toMatchObject({ status, complete: true })
      expect(reply!.field('content-length')).toBe(length)
      expect(reply!.field('connection')).toBe('close')
      if (option === 'close') expect((await wire.rest()).toString('latin1')).toBe('')
      wire.close()
    }
  },
)
