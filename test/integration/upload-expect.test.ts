import { expect, test } from 'vitest'
import { connect, exchange } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// RFC 9110 §10.1.1. The listener sends 100 Continue before the gate has decided. A service never receives Expect.

const upstream = await startUpstream()
const node = await startPublicNode([upstream.url])
const head = (target: string, expectation: string, more = 'Content-Length: 5\r\n') =>
  `POST ${target} HTTP/1.1\r\nHost: api.test\r\nExpect: ${expectation}\r\n${more}\r\n`

test('a client that waits for 100 Continue gets 100 Continue and then the reply, and the service gets no Expect', async () => {
  const wire = await connect(node.port)
  await wire.send(head('/s/waiting', '100-continue'))
  expect((await wire.until('\r\n\r\n')).toString('latin1')).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  await wire.send('hello')

  expect((await readReply(wire))?.json()).toMatchObject({ body: { bytes: 5 } })
  expect((await upstream.next()).all('expect')).toEqual([])
})

test('a client that does not wait for 100 Continue gets 100 Continue and the reply, and the service gets no Expect', async () => {
  const { replies } = await exchange(node.port, `${head('/s/hasty', '100-continue')}hello`)

  expect(replies[0]).toMatchObject({ status: 200, interim: [100] })
  expect((await upstream.next()).all('expect')).toEqual([])
})

test('the gate accepts Expect: 100-Continue in another letter case, and the service gets no Expect', async () => {
  const { replies } = await exchange(node.port, `${head('/s/letters', '100-Continue')}hello`)

  expect(replies[0]!.json()).toMatchObject({ body: { bytes: 5 } })
  expect((await upstream.next()).all('expect')).toEqual([])
})

test('the gate sends 100 Continue before it refuses an upload, and then closes the connection', async () => {
  const { replies, ending } = await exchange(node.port, head('/nowhere', '100-continue'), { replies: 'all' })

  expect(replies).toHaveLength(1)
  expect(replies[0]).toMatchObject({ status: 404, interim: [100] })
  expect(replies[0]!.field('connection')).toBe('close')
  expect(ending).not.toBe('open')
})

test.each(['200-ok', '100-continue, x', 'x=y', ''])(
  'S-012: the gate replies 417 to Expect: %s, and the service receives nothing',
  async (value) => {
    const before = upstream.requests.length
    const { replies, ending } = await exchange(node.port, `${head('/s/other', value)}hello`, { replies: 'all' })

    expect(replies.map(({ status }) => status)).toEqual([417])
    expect(replies[0]!.json()).toMatchObject({ code: 'expectation_failed' })
    expect(ending).not.toBe('open')
    expect(upstream.requests.length).toBe(before)
  },
)
