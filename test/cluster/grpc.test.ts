import { status } from '@grpc/grpc-js'
import { beforeAll, expect, test } from 'vitest'
import { callMany } from '../kit/grpc-client.ts'
import { type GrpcGates, startGrpcGates } from '../kit/grpc-gates.ts'
import { until } from '../kit/until.ts'

// A real gRPC client and service (@grpc/grpc-js) with two nodes between them.

let gates: GrpcGates
beforeAll(async () => {
  gates = await startGrpcGates()
})

const bearer = (sub = 'caller', scope = 'rpc') => ({
  authorization: `Bearer ${gates.issuer.sign({ claims: { sub, scope } })}`,
})

test('500 gRPC calls of all kinds (unary and streaming) over two nodes have the right results', async () => {
  expect(await callMany(gates.clients, 500, bearer())).toEqual([])
})

test('a unary gRPC message of 3 MB and binary metadata reach the service and the client unchanged', async () => {
  const large = 'x'.repeat(3_000_000)
  const echo = Buffer.from([0, 1, 0xfe, 0xff, 0x2c])
  const { clients } = gates
  const end = await clients[0].call('Get', { ...bearer(), 'x-echo': 'a', 'x-echo-bin': echo }, large).end

  expect([end.code, end.messages[0] === large]).toEqual([0, true])
  for (const metadata of [end.head, end.trailers]) {
    expect([metadata.get('x-echo'), metadata.get('x-echo-bin')]).toEqual([['a'], [echo]])
  }
})

test('a client gets status, details and trailers of a failed gRPC call as the service sent them', async () => {
  const [client] = gates.clients
  const failed = await client.call('Get', { ...bearer(), 'x-echo': 'b' }, 'fail').end
  const chat = client.call('Chat', bearer())
  chat.write('one')
  await until('the first message', () => chat.messages.length === 1)
  chat.write('fail')

  expect(failed).toMatchObject({ code: status.NOT_FOUND, details: 'no such order: 100 % sure, ü', messages: [] })
  expect(failed.trailers.get('x-echo')).toEqual(['b'])
  expect(await chat.end).toMatchObject({ code: status.ABORTED, details: 'as asked', messages: ['one'] })
})

test('a gRPC call without a token gets UNAUTHENTICATED with the challenge, and a gRPC call without the scope gets PERMISSION_DENIED', async () => {
  const [client] = gates.clients
  const missing = await client.call('Get', {}, 'x').end
  const weak = await client.call('Chat', bearer('caller', 'other')).end

  expect(missing.code).toBe(status.UNAUTHENTICATED)
  expect(String(missing.trailers.get('www-authenticate'))).toMatch(/^Bearer /)
  expect(weak.code).toBe(status.PERMISSION_DENIED)
})

test('when a client cancels a gRPC call or its deadline passes, the call is cancelled at the service', async () => {
  const { clients, service } = gates
  const [client] = clients
  const begun = client.call('List', { ...bearer(), 'x-name': 'cancelled' }, '1+')
  await until('the first message', () => begun.messages.length === 1)
  begun.cancel()
  const late = client.call('Get', { ...bearer(), 'x-name': 'late' }, 'never', { deadline: Date.now() + 1000 })

  expect((await begun.end).code).toBe(status.CANCELLED)
  expect((await late.end).code).toBe(status.DEADLINE_EXCEEDED)
  await until('both cancels', () => service.cancelled.has('cancelled') && service.cancelled.has('late'))
})

test('when a subject is revoked, its gRPC calls end with UNAUTHENTICATED on every node before the receipt, and other calls continue', async () => {
  const { clients, service, revocation } = gates
  const revoked = clients.flatMap((client, i) => {
    const fields = { ...bearer('revoked'), 'x-name': `revoked-${i}` }
    return [client.call('List', fields, '1+'), client.call('Chat', fields), client.call('Get', fields, 'never')]
  })
  const others = clients.map((client) => client.call('Chat', bearer('other')))
  for (const call of [...revoked, ...others]) call.write('0')
  const streams = [...revoked.filter((_, i) => i % 3 < 2), ...others]
  await until('the first message of each stream', () => streams.every(({ messages }) => messages.length === 1))

  const receipt = await revocation.revoke({ kind: 'subject', id: 'revoked', issuer: 'main' })
  const ends = await Promise.all(revoked.map(({ end }) => end))
  for (const call of others) {
    call.write('1')
    call.finish()
  }

  expect(receipt.missing).toEqual([])
  expect(ends.map(({ code, messages }) => [code, messages.join()])).toEqual(
    clients.flatMap(() => [
      [status.UNAUTHENTICATED, '0'],
      [status.UNAUTHENTICATED, '0'],
      [status.UNAUTHENTICATED, ''],
    ]),
  )
  await until(
    'the cancels at the service',
    () => service.cancelled.has('revoked-0') && service.cancelled.has('revoked-1'),
  )
  for (const { end } of others) expect(await end).toMatchObject({ code: 0, messages: ['0', '1'] })
})
