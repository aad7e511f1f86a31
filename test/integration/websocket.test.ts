import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// A WebSocket through a node: messages in both directions, the decision of the handshake, and how each end is passed on.

const issuer = await startIssuer()
const service = await WebSocketService.start({
  select: (offered) => offered.find((one) => one !== 'unwanted'),
  answer: ({ url }, socket) => {
    if (url === '/few/events') {
      socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n')
      return true
    }
    if (url !== '/live/refuses') return false
    socket.end('HTTP/1.1 409 Conflict\r\nContent-Length: 8\r\nX-Own: yes\r\n\r\nnot here')
    return true
  },
})
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience], clock_tolerance: '0s' } },
    services: {
      live: {
        upstreams: [service.url],
        routes: [
          {
            id: 'live',
            match: { path: '/live/**' },
            require: { scopes: { all: ['live'] } },
            websocket: { max_message: '64KiB' },
          },
          {
            id: 'open',
            match: { path: '/open/**' },
            require: 'public',
            websocket: { origins: ['https://app.example'] },
          },
          {
            id: 'few',
            match: { path: '/few/**' },
            require: { scopes: { all: ['live'] } },
            websocket: {},
            streams: { max: 2, max_per_subject: 1, idle: '5s' },
          },
          {
            id: 'chat',
            match: { path: '/chat/**' },
            require: { scopes: { all: ['live'] } },
            websocket: {},
            limits: [{ name: 'chatter', by: 'subject', messages: 5, window: '1h' }],
          },
          { id: 'plain', match: { path: '/plain/**' }, require: 'public' },
          {
            id: 'page',
            match: { path: '/page/**' },
            require: { scopes: { all: ['live'] } },
            websocket: { token_in_protocol: true, subprotocols: ['chat.v2'] },
          },
        ],
      },
    },
  },
  settings: { log: { access: true, format: 'json' } },
})
const token = issuer.sign({ claims: { scope: 'live', sub: 'reader' } })
const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

test('the gate relays WebSocket messages in both directions, in order and with their type', async () => {
  const client = await openSocket(node.port, '/live/echo?x=%zz', { token, fields: { 'x-own': '1' } })
  const long = 'é'.repeat(30_000)
  client.ws.send('one')
  client.ws.send(Buffer.from([0, 255, 1]))
  client.ws.send('two', { fin: false })
  client.ws.send('three', { fin: true })
  client.ws.send(long)
  client.ws.send('')

  expect(await client.received(5)).toEqual(['one', Buffer.from([0, 255, 1]), 'twothree', long, ''])
  const { request } = await service.socketAt('/live/echo?x=%zz')
  expect(request.headers).toMatchObject({ host: 'api.test', 'x-own': '1', 'x-forwarded-proto': 'http' })
  expect(request.headers['authorization']).toBeUndefined()
  expect(request.headers['x-gatehouse-jwt-assertion']).toMatch(/^ey/)
  expect(request.headers['sec-websocket-extensions']).toBeUndefined()
  expect(client.reply.headers['x-request-id']).toBe(request.headers['x-request-id'])
  client.ws.close(1000, 'done')
  expect(await client.ended()).toEqual([1000, 'done'])
  expect(await recordOf('/live/echo')).toMatchObject({
    status: 101,
    reason: 'admitted',
    subject: 'reader',
    messages_in: 5,
    messages_out: 5,
    bytes_in: 60_014,
    bytes_out: 60_014,
    close_code: 1000,
  })
})

test.each([
  ['no token', '/live/x', {}, 401, 'credential-missing'],
  [
    'a token without the scope',
    '/live/x',
    { token: issuer.sign({ claims: { scope: 'other' } }) },
    403,
    'scope-missing',
  ],
  ['a route without websocket', '/plain/x', {}, 501, 'upgrade-unsupported'],
  ['an unknown route', '/nowhere', {}, 404, 'route-unknown'],
  ['another origin', '/open/x', { origin: 'https://evil.example' }, 403, 'origin-refused'],
  ['the origin null', '/open/x', { origin: 'null' }, 403, 'origin-refused'],
  ['a token and another origin', '/live/x', { token, origin: 'https://app.example' }, 403, 'origin-refused'],
])(
  'a WebSocket handshake with %s is refused before the service gets a request',
  async (what, target, asked, status, reason) => {
    const path = `${target}-${what.replaceAll(' ', '-')}`
    const refused = await refusedSocket(node.port, path, asked)

    expect(refused.status).toBe(status)
    expect(refused.fields['content-type']).toBe('application/problem+json')
    expect(refused.fields.connection).toBe('close')
    expect(await recordOf(path)).toMatchObject({ reason, decision: 'refused' })
    expect(service.sockets.some(({ request }) => request.url === path)).toBe(false)
  },
)

test.each(['https://app.example', 'http://api.test', undefined])(
  'a WebSocket handshake with Origin %s is admitted',
  async (origin) => {
    const client = await openSocket(node.port, '/open/origin', origin === undefined ? {} : { origin })
    client.ws.send('hello')

    expect(await client.received(1)).toEqual(['hello'])
    client.ws.close()
  },
)

test('a reply of the service to a WebSocket handshake other than 101 reaches the client unchanged', async () => {
  const refused = await refusedSocket(node.port, '/live/refuses', { token })

  expect(refused).toMatchObject({ status: 409, body: 'not here', fields: { 'x-own': 'yes' } })
  expect(await recordOf('/live/refuses')).toMatchObject({ status: 409, reason: 'admitted' })
})

test('the service selects one of the WebSocket subprotocols of the client', async () => {
  const client = await openSocket(node.port, '/open/protocols', { protocols: ['unwanted', 'chat.v2', 'chat.v1'] })

  expect(client.ws.protocol).toBe('chat.v2')
  const { request } = await service.socketAt('/open/protocols')
  expect(request.headers['sec-websocket-protocol']).toBe('unwanted, chat.v2, chat.v1')
  client.ws.close()
})

const bearer = (text: string) => `gatehouse.bearer.${Buffer.from(text).toString('base64url')}`

test('a token among the WebSocket subprotocols admits the client, and the service never gets the token', async () => {
  const own = await openSocket(node.port, '/page/own', { protocols: ['gatehouse', bearer(token)] })
  expect(own.ws.protocol).toBe('gatehouse')
  expect((await service.socketAt('/page/own')).request.headers['sec-websocket-protocol']).toBeUndefined()
  const chat = await openSocket(node.port, '/page/chat', {
    protocols: [bearer(token), 'chat.v1', 'gatehouse', 'chat.v2'],
  })
  expect(chat.ws.protocol).toBe('chat.v2')
  expect((await service.socketAt('/page/chat')).request.headers['sec-websocket-protocol']).toBe('chat.v2')
  chat.ws.send('hello')
  expect(await chat.received(1)).toEqual(['hello'])
  own.ws.close()
  chat.ws.close()
  expect(await recordOf('/page/chat')).toMatchObject({ subject: 'reader', reason: 'admitted' })
  expect(JSON.stringify(node.log)).not.toContain('gatehouse.bearer')
})

test.each([
  ['no other subprotocol', { protocols: [bearer(token)] }, 400, 'subprotocol-missing'],
  ['an Authorization field', { protocols: ['gatehouse', bearer(token)], token }, 400, 'credential-repeated'],
  ['two tokens', { protocols: ['gatehouse', bearer(token), bearer('x')] }, 400, 'credential-repeated'],
  ['padding', { protocols: ['gatehouse', `${bearer('ab')}~`] }, 400, 'credential-malformed'],
  ['surplus bits', { protocols: ['gatehouse', 'gatehouse.bearer.YR'] }, 400, 'credential-malformed'],
  ['no token', { protocols: ['gatehouse', 'gatehouse.bearer.'] }, 400, 'credential-malformed'],
  ['a token with a line break', { protocols: ['gatehouse', bearer('a\r\nb')] }, 400, 'credential-malformed'],
  ['a foreign token', { protocols: ['gatehouse', bearer('opaque')] }, 401, 'token-malformed'],
])('a token among the WebSocket subprotocols with %s is refused', async (what, asked, status, reason) => {
  const path = `/page/${what.replaceAll(' ', '-')}`

  expect((await refusedSocket(node.port, path, asked)).status).toBe(status)
  expect((await recordOf(path))['reason']).toBe(reason)
})

test('a token among the WebSocket subprotocols is no credential on a route without token_in_protocol', async () => {
  expect((await refusedSocket(node.port, '/live/offer', { protocols: ['x', bearer(token)] })).status).toBe(401)
  const client = await openSocket(node.port, '/open/offer', { protocols: ['x', bearer(token)] })
  expect((await service.socketAt('/open/offer')).request.headers['sec-websocket-protocol']).toBe('x')
  client.ws.close()
})

test.each([
  [1000, 'bye', [1000, 'bye']],
  [1001, '', [1001, '']],
  [1011, 'é'.repeat(61), [1011, 'é'.repeat(61)]],
  [4000, 'own', [4000, 'own']],
  [undefined, '', [1005, '']],
  // The listener knows no code from 1012 to 3999: the service sees a close without a code.
  [3000, 'library', [1005, '']],
  [1013, 'later', [1005, '']],
])('a WebSocket close with the code %s of the client reaches the service', async (code, reason, wanted) => {
  const path = `/open/close-client-${code}`
  const client = await openSocket(node.port, path)
  const served = await service.socketAt(path)
  client.ws.close(code, reason)

  expect(await served.ended()).toEqual(wanted)
  expect(await recordOf(path)).toMatchObject({ reason: 'admitted', close_code: wanted[0] })
})

test.each([
  [1000, 'bye', [1000, 'bye']],
  [1012, 'restart', [1012, 'restart']],
  [3000, 'library', [3000, 'library']],
  [4999, 'own', [4999, 'own']],
  [undefined, '', [1005, '']],
])(
  'a WebSocket close with the code %s of the service reaches the client, after the messages before the close',
  async (code, reason, wanted) => {
    const path = `/open/close-service-${code}`
    const client = await openSocket(node.port, path)
    const served = await service.socketAt(path)
    served.ws.send('last')
    served.ws.close(code, reason)

    expect(await client.ended()).toEqual(wanted)
    expect(client.messages).toEqual(['last'])
    expect((await recordOf(path))['reason']).toBe('admitted')
  },
)

test('when the connection of a WebSocket to its service is lost, the client gets close code 1011; when the client is lost, the service gets no close frame', async () => {
  const [first, second] = [await openSocket(node.port, '/open/lost-1'), await openSocket(node.port, '/open/lost-2')]
  ;(await service.socketAt('/open/lost-1')).ws.terminate()
  second.ws.terminate()

  expect((await first.ended())[0]).toBe(1011)
  expect((await (await service.socketAt('/open/lost-2')).ended())[0]).toBe(1006)
  expect((await recordOf('/open/lost-1'))['reason']).toBe('reply-broken')
  expect((await recordOf('/open/lost-2'))['reason']).toBe('client-gone')
})

test('a message above max_message of the route closes the WebSocket with code 1009', async () => {
  const client = await openSocket(node.port, '/live/large', { token })
  client.ws.send(Buffer.alloc(64 * 1024))
  client.ws.send(Buffer.alloc(64 * 1024 + 1))

  expect(await client.ended()).toEqual([1009, 'the message is too large'])
  const served = await service.socketAt('/live/large')
  expect((await served.ended())[0]).toBe(1001)
  expect(served.messages.map(({ length }) => length)).toEqual([64 * 1024])
  expect((await recordOf('/live/large'))['reason']).toBe('message-too-large')
})

test('a WebSocket is closed with code 4401 when its token expires, although no message is sent', async () => {
  const expS = Math.floor(Date.now() / 1000) + 3
  const client = await openSocket(node.port, '/live/expires', {
    token: issuer.sign({ claims: { scope: 'live', exp: expS } }),
  })

  expect(await client.ended()).toEqual([4401, 'the authorization has ended'])
  expect(Date.now()).toBeGreaterThanOrEqual(expS * 1000)
  expect((await (await service.socketAt('/live/expires')).ended())[0]).toBe(4401)
  expect(await recordOf('/live/expires')).toMatchObject({
    reason: 'stream-ended',
    stream_end: 'token-expired',
    close_code: 4401,
  })
})

test('WebSockets count against the limits of streams of a route, and another WebSocket is admitted after one has ended', async () => {
  const tokenOf = (sub: string) => issuer.sign({ claims: { scope: 'live', sub } })
  const first = await openSocket(node.port, '/few/1', { token: tokenOf('a') })
  expect((await refusedSocket(node.port, '/few/2', { token: tokenOf('a') })).status).toBe(429)
  const second = await openSocket(node.port, '/few/3', { token: tokenOf('b') })
  expect((await refusedSocket(node.port, '/few/4', { token: tokenOf('c') })).status).toBe(503)
  expect((await recordOf('/few/4'))['reason']).toBe('streams-full')
  first.ws.close()
  await recordOf('/few/1')

  const third = await openSocket(node.port, '/few/5', { token: tokenOf('c') })
  for (const { ws } of [second, third]) ws.close()
})

test('a WebSocket handshake that the service answers with an event stream counts as one stream until its end', async () => {
  const eventsToken = issuer.sign({ claims: { scope: 'live', sub: 'events' } })
  for (let i = 0; i < 3; i++) {
    const { status, body } = await refusedSocket(node.port, '/few/events', { token: eventsToken })
    expect([status, body]).toEqual([200, 'data: 1\n\n'])
  }
})

test('a WebSocket without a message for streams.idle is closed, even if it sends pings', async () => {
  const client = await openSocket(node.port, '/few/idle', {
    token: issuer.sign({ claims: { scope: 'live', sub: 'idle' } }),
  })
  const pinging = setInterval(() => client.ws.ping(), 100)

  expect(await client.ended()).toEqual([1001, 'no message for too long'])
  clearInterval(pinging)
  expect((await (await service.socketAt('/few/idle')).ended())[0]).toBe(1001)
  expect(await recordOf('/few/idle')).toMatchObject({ reason: 'stream-ended', stream_end: 'stream-idle' })
})

test('a limit of messages counts all WebSockets of a subject together, and closes the WebSocket that exceeds the limit', async () => {
  const open = (path: string, sub: string) =>
    openSocket(node.port, path, { token: issuer.sign({ claims: { scope: 'live', sub } }) })
  const [first, second, other] = [await open('/chat/1', 'a'), await open('/chat/2', 'a'), await open('/chat/3', 'b')]
  for (const text of ['1', '2', '3']) first.ws.send(text)
  await first.received(3)
  for (const text of ['4', '5', '6', '7']) second.ws.send(text)

  expect(await second.ended()).toEqual([1008, 'too many messages'])
  const served = await service.socketAt('/chat/2')
  expect((await served.ended())[0]).toBe(1008)
  expect(served.messages).toEqual(['4', '5'])
  expect(await recordOf('/chat/2')).toMatchObject({ stream_end: 'rate-limited', limit: 'route/chat/chatter' })
  other.ws.send('still served')
  expect(await other.received(1)).toEqual(['still served'])
  first.ws.close()
  await recordOf('/chat/1')
  const again = await open('/chat/4', 'a')
  again.ws.send('8')
  expect((await again.ended())[0]).toBe(1008)
  other.ws.close()
})

test('a stopping node closes its WebSockets with code 1001', async () => {
  const other = await startNodeProcess({
    policy: {
      version: 1,
      services: {
        open: {
          upstreams: [service.url],
          credentials: 'none',
          routes: [{ id: 'open', match: { path: '/**' }, require: 'public', websocket: {} }],
        },
      },
    },
    settings: { drain_timeout: '2s' },
  })
  const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => openSocket(other.port, `/stop/${i}`)))
  const stopped = other.stop()

  for (const client of clients) expect(await client.ended()).toEqual([1001, 'the gateway is stopping'])
  expect(await stopped).toBe(0)
  await until('the services saw it', () => service.sockets.filter(({ closed }) => closed?.[0] === 1001).length >= 5)
})
