// The demo's gRPC service, called by grpc-js with the messages of deploy/demo/orders.proto.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { framed, readMessages } from '../../../deploy/demo/grpc/grpc-messages.ts'
import { ordersService } from '../../../deploy/demo/grpc/orders-service.ts'
import { decodeFields, encodeFields, type ProtobufFields } from '../../../deploy/demo/grpc/protobuf.ts'
import { forgeUnsigned } from '../../../deploy/demo/jwt.ts'
import { Http2Session } from '../../kit/http2-session.ts'
import { OrdersClient } from '../../kit/orders-client.ts'
import { until } from '../../kit/until.ts'

const server = ordersService()
const assertion = { 'x-gatehouse-jwt-assertion': forgeUnsigned({ header: {}, claims: { sub: 'alice' } }) }
let client: OrdersClient
let port: number

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as AddressInfo).port
  client = new OrdersClient(`127.0.0.1:${port}`)
})

afterAll(() => void server.close())

test("the gRPC method Get of the demo replies with the order and with the subject of the gate's assertion", async () => {
  expect(await client.get('ä-7', assertion)).toEqual({ id: 'ä-7', item: 'tea', version: 1, caller: 'alice' })
})

test('the gRPC method Watch of the demo sends the order at once, and ends when the client cancels', async () => {
  const call = client.watch('7', assertion)
  await until('the first order', () => call.received.length > 0)
  call.cancel()

  expect(call.received[0]).toEqual({ id: '7', item: 'tea', version: 1, caller: 'alice' })
  expect(await call.status).toBe(1)
})

test('the gRPC method Chat of the demo sends each message back before it reads the next one, and ends when the client ends the call', async () => {
  const call = client.chat(assertion)
  for (const [index, text] of ['tea', 'x'.repeat(20_000), ''].entries()) {
    call.send(text)
    await until('the message', () => call.received.length > index)
    expect(call.received[index]).toEqual({ text, caller: 'alice' })
  }
  call.finish()

  expect(await call.status).toBe(0)
})

test.each([
  ['no message', Buffer.alloc(0), '3'],
  ['a compressed message', Buffer.of(1, 0, 0, 0, 0), '3'],
  ['a message above 64 KiB', Buffer.of(0, 0, 1, 0, 1), '3'],
  ['a part of a message', Buffer.of(0, 0, 0, 0, 9, 1), '3'],
  ['a message that is no protobuf', framed(Buffer.of(10, 200)), '3'],
  ['a message with an empty id', framed(Buffer.alloc(0)), '0'],
])('a call of the gRPC method Get of the demo with %s ends with a status in the trailers', async (_, body, status) => {
  const session = new Http2Session(port)
  const reply = await session.post('/demo.Orders/Get', body, { 'content-type': 'application/grpc', te: 'trailers' })

  expect(reply.status).toBe(200)
  expect(reply.trailers.slice(0, 2)).toEqual(['grpc-status', status])
})

test('a call of an unknown method of the gRPC service of the demo ends with UNIMPLEMENTED', async () => {
  const reply = await new Http2Session(port).post('/demo.Orders/Remove', framed(Buffer.alloc(0)))

  expect([reply.status, reply.field('grpc-status')]).toEqual([200, '12'])
})

test('the gRPC service of the demo reads a message completely if its bytes arrive one at a time', async () => {
  const sent = [encodeFields({ 1: 'tea', 3: 300 }), encodeFields({}), encodeFields({ 2: 'milk', 3: 4_294_967_295 })]
  const bytes = async function* () {
    for (const byte of Buffer.concat(sent.map(framed))) yield Buffer.of(byte)
  }
  const read: ProtobufFields[] = []
  for await (const message of readMessages(bytes())) read.push(decodeFields(message))

  expect(read).toEqual([{ 1: 'tea', 3: 300 }, {}, { 2: 'milk', 3: 4_294_967_295 }])
})
