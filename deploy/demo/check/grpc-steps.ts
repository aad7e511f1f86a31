import { readFileSync } from 'node:fs'
import { requestTokens } from '../grants.ts'
import { type CallEnd, getOrder, OrdersCall, type OrdersMethod } from '../grpc/call-orders.ts'
import type { ProtobufFields } from '../grpc/protobuf.ts'
import { readJwt } from '../jwt.ts'
import type { State } from '../state.ts'
import type { CheckClient } from './client.ts'
import { expectReceipt, opsToken } from './cluster-steps.ts'
import { expectEqual } from './expect.ts'
import type { CheckStep } from './step.ts'

/** Status codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
const grpcStatus = { ok: 0, permissionDenied: 7, unauthenticated: 16 } as const
/** HTTP status of these codes in the logs of the gate. */
const httpStatus: Readonly<Record<number, number>> = { 0: 200, 7: 403, 16: 401 }

/** Calls of `Watch` that are open when their token is revoked. The kernel distributes them over the nodes. */
const openAtOnce = 4

export const grpcSteps: readonly CheckStep[] = [
  {
    title: 'gRPC demo.Orders/Get: 16 without a token, 7 without orders:read, else 0, and the service learns who called',
    run: async (client, state) => {
      const weak = await client.token({ client: 'reader', scope: 'reports:read' })
      const token = await client.token({ client: 'reader' })
      for (const [status, each] of [[grpcStatus.unauthenticated], [grpcStatus.permissionDenied, weak]] as const) {
        const { reply, end } = await getOrder(placeOf(client, state, each), '1')
        expectEnd(client, 'Get', end, status)
        expectEqual('order for a refused call', reply, undefined)
      }
      const { reply, end } = await getOrder(placeOf(client, state, token), '1')
      expectEnd(client, 'Get', end, grpcStatus.ok)
      expectEqual('order', reply, orderFor(token))
    },
  },
  {
    title: 'gRPC demo.Orders/Chat: 7 without orders:write, else each message comes back before the next one is sent',
    run: async (client, state) => {
      const refused = openCall(client, state, 'Chat', await client.token({ client: 'reader' }))
      expectEnd(client, 'Chat', await refused.end(), grpcStatus.permissionDenied)
      const token = await client.token({ client: 'writer' })
      const call = openCall(client, state, 'Chat', token)
      for (const text of ['tea', 'milk']) {
        call.send({ 1: text })
        expectEqual('message', (await call.messages.next()).value, { 1: text, 2: subjectOf(token) })
      }
      call.finish()
      expectEqual('further messages', (await call.messages.next()).done, true)
      expectEnd(client, 'Chat', await call.end(), grpcStatus.ok)
    },
  },
  {
    title: 'gRPC demo.Orders/Watch: streams in progress end with 16 when their token is revoked',
    run: async (client, state) => {
      const ops = await opsToken(client, 'gatehouse:revoke')
      const { accessToken: token } = await requestTokens(client.ports, { client: 'reader', scope: 'orders:read' })
      const calls = await Promise.all(Array.from({ length: openAtOnce }, () => openWatch(client, state, token)))
      await expectReceipt(client, 1, ops, { kind: 'token', token })
      for (const call of calls) {
        const { status, message } = await call.end()
        expectEqual(`status of a stream whose token was revoked: ${message}`, status, grpcStatus.unauthenticated)
      }
    },
  },
]

function placeOf({ ports }: CheckClient, state: State, token: string | undefined) {
  return { port: ports.http2, certificate: readFileSync(state.certificate, 'utf8'), token }
}

function openCall(client: CheckClient, state: State, method: OrdersMethod, token: string): OrdersCall {
  return new OrdersCall({ ...placeOf(client, state, token), method })
}

/** Opens a call of `Watch`, and expects its first message. */
async function openWatch(client: CheckClient, state: State, token: string): Promise<OrdersCall> {
  const call = openCall(client, state, 'Watch', token)
  call.send({ 1: '1' })
  call.finish()
  expectEqual('first message', (await call.messages.next()).value, orderFor(token))
  return call
}

/** Expects that a call ended with this status, and that the logs of the gate have it. */
function expectEnd({ exchanges }: CheckClient, method: OrdersMethod, end: CallEnd, status: number): void {
  expectEqual(`gRPC status of ${method}: ${end.message}`, end.status, status)
  exchanges.set(end.requestId, httpStatus[status]!)
}

const subjectOf = (token: string): string => String(readJwt(token).claims.sub)
const orderFor = (token: string): ProtobufFields => ({ 1: '1', 2: 'tea', 3: 1, 4: subjectOf(token) })
