import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// Every method that the gate forwards reaches the service with its target, fields and body, and the reply reaches the
// client.

const upstream = await startUpstream()
const node = await startPublicNode([upstream.url])

/** Returns the request with this target that the service received. Fails unless there is exactly one. */
function receivedAt(target: string) {
  const found = upstream.requests.filter(({ url }) => url === target)
  expect(found).toHaveLength(1)
  return found[0]!
}
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

test.each(methods)('the gate forwards %s and relays the reply', async (method) => {
  const target = `/s/${randomUUID()}/a%20b?x=%zz&y=a+b&&=`
  const fields = [
    ['X-Asked', 'one'],
    ['X-Asked', 'two'],
    ['Accept', '*/*'],
  ] as const

  const reply = await request(node.port, requestBytes({ method, target, fields }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({ method, url: target, body: { bytes: 0 } })
  const received = receivedAt(target)
  expect(received.all('x-asked')).toEqual(['one', 'two'])
  expect(received.all('accept')).toEqual(['*/*'])
  // RFC 9110 §8.6: a request without a body has `Content-Length: 0` if a body is usual for its method.
  expect(received.all('content-length')).toEqual(['POST', 'PUT', 'PATCH'].includes(method) ? ['0'] : [])
  expect(received.all('transfer-encoding')).toEqual([])
})

test.each(methods)('the gate forwards a %s request with its body', async (method) => {
  const target = `/s/${randomUUID()}`
  const reply = await request(node.port, requestBytes({ method, target, body: 'a body' }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({ method, body: { bytes: 6 } })
  const received = receivedAt(target)
  expect(received.all('content-length')).toEqual(['6'])
  expect(received.body.toString()).toBe('a body')
})

test('the gate replies to HEAD with the fields of GET and no body', async () => {
  const target = `/s/${randomUUID()}`
  const reply = await request(node.port, requestBytes({ method: 'HEAD', target }), { head: true })

  expect(reply).toMatchObject({ status: 200, framing: 'none' })
  expect(reply.field('content-type')).toBe('application/json')
  expect(receivedAt(target)).toMatchObject({ method: 'HEAD' })
})
