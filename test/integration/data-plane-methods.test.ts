import { expect, test } from 'vitest'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// Every method that the gate forwards arrives as it was sent, with its target, fields and body, and its reply comes back.

const upstream = await startUpstream()
const node = await startPublicNode([upstream.url])
const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

test.each(methods)('%s arrives, and its reply comes back', async (method) => {
  const target = `/s/${method}/a%20b?x=%zz&y=a+b&&=`
  const fields = [
    ['X-Asked', 'one'],
    ['X-Asked', 'two'],
    ['Accept', '*/*'],
  ] as const

  const reply = await request(node.port, requestBytes({ method, target, fields }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({ method, url: target, body: { bytes: 0 } })
  const received = await upstream.next()
  expect(received.all('x-asked')).toEqual(['one', 'two'])
  expect(received.all('accept')).toEqual(['*/*'])
  // RFC 9110 §8.6: where the method has a use for a body, its absence is said.
  expect(received.all('content-length')).toEqual(['POST', 'PUT', 'PATCH'].includes(method) ? ['0'] : [])
  expect(received.all('transfer-encoding')).toEqual([])
})

test.each(methods)('%s arrives with its body', async (method) => {
  const reply = await request(node.port, requestBytes({ method, target: '/s/1', body: 'a body' }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({ method, body: { bytes: 6 } })
  const received = await upstream.next()
  expect(received.all('content-length')).toEqual(['6'])
  expect(received.body.toString()).toBe('a body')
})

test('HEAD arrives, and its reply has the fields of GET and no body', async () => {
  const reply = await request(node.port, requestBytes({ method: 'HEAD', target: '/s/1' }), { head: true })

  expect(reply).toMatchObject({ status: 200, framing: 'none' })
  expect(reply.field('content-type')).toBe('application/json')
  expect(await upstream.next()).toMatchObject({ method: 'HEAD', url: '/s/1' })
})
