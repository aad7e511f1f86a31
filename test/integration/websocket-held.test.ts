import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { until } from '../kit/until.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// Messages of a client wait while its WebSocket is held. They count against a limit of messages when they are relayed.

const issuer = await startIntrospectionIssuer()
const service = await WebSocketService.start()
const node = await startNode(
  opaqueGate({
    issuer: issuer.url,
    orders: service.url,
    introspection: { cache: '1s', stale: '0s' },
    ordersEntry: {
      routes: [
        {
          id: 'chat',
          match: { path: '/chat/**' },
          require: { scopes: { all: ['orders:read'] } },
          websocket: {},
          limits: [{ name: 'chatter', by: 'subject', messages: 2, window: '1s' }],
        },
      ],
    },
  }),
)

test('a WebSocket whose client stayed within the limit of messages is not closed because messages waited while the gate held it', async () => {
  const client = await openSocket(node.port, '/chat/1', { token: issuer.issue({ sub: 'ann' }) })
  let refusals = 0
  issuer.script = () => {
    refusals++
    return { status: 500 }
  }
  await until('the WebSocket is held', () => refusals > 1)
  const sent = Array.from({ length: 8 }, (_, i) => `message ${i}`)
  for (const text of sent) {
    client.ws.send(text)
    await sleep(600)
  }
  expect(client.messages).toEqual([])

  issuer.script = undefined
  await until(
    'all messages were relayed or the WebSocket ended',
    () => client.messages.length === 8 || client.closed !== undefined,
  )
  expect(client.messages).toEqual(sent)
  expect(client.closed).toBeUndefined()
})
