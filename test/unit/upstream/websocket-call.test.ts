import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { rawUpstream } from '../../kit/raw-upstream.ts'
import { tlsInFrontOf } from '../../kit/tls-relay.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { UpgradeLog, upgrade, wsService } from './upgrade-log.ts'

// The gate as a WebSocket client of a service: the `ws` package and raw bytes in the place of the service.

const event = (log: UpgradeLog, count: number) => until(`${count} events`, () => log.events.length >= count)

describe.each([
  ['plain HTTP', async (url: string) => url],
  ['TLS', tlsInFrontOf],
])('a WebSocket of the gate to a service over %s', (_title, urlOf) => {
  test('the service of a WebSocket receives the messages of the gate, and the gate reports the messages of the service, both in order', async () => {
    let received: Record<string, unknown> = {}
    const service = await wsService((socket, fields) => {
      received = fields
      socket.on('message', (data, binary) => socket.send(data, { binary }))
    })
    const log = upgrade(await urlOf(service), { protocols: ['one', 'two'] })
    await event(log, 1)
    log.call.send(Buffer.from('grüße'), false)
    log.call.send(Buffer.alloc(0), true)
    log.call.send(Buffer.alloc(200_000, 7), true)
    const reported = () => log.events.filter((each) => each !== 'drained')
    await until('the messages have come back', () => reported().length === 4)

    expect(reported()).toEqual([
      ['switch', 'two'],
      ['text', Buffer.from('grüße').toString('latin1')],
      ['binary', ''],
      ['binary', 200_000],
    ])
    expect(received).toMatchObject({ host: 'api.test', 'x-a': 'b', 'sec-websocket-protocol': 'one, two' })
    log.call.close(1000, 'done')
  })

  test('the gate answers a close frame of the service and reports its code and reason', async () => {
    const closed = Promise.withResolvers<number>()
    const service = await wsService((socket) => {
      socket.on('close', (code) => closed.resolve(code))
      socket.close(4000, 'grün')
    })
    const log = upgrade(await urlOf(service))
    await event(log, 2)

    expect(log.events).toEqual([
      ['switch', ''],
      ['close', 4000, 'grün'],
    ])
    expect(await closed.promise).toBe(4000)
  })

  test('`close` sends the code and reason, and no further event is reported', async () => {
    const closed = Promise.withResolvers<unknown>()
    const service = await wsService((socket) => {
      socket.on('close', (code, reason) => closed.resolve([code, reason.toString()]))
      const timer = setInterval(() => socket.send('more'), 1)
      socket.on('close', () => clearInterval(timer))
    })
    const log = upgrade(await urlOf(service))
    await event(log, 2)
    log.call.close(1001, 'the gate stops')
    const seen = log.events.length

    expect(await closed.promise).toEqual([1001, 'the gate stops'])
    expect(log.events.length).toBe(seen)
  })

  test('if the connection to the service breaks, the WebSocket ends with the reason upstream-broken', async () => {
    const service = await wsService((socket) => socket.terminate())
    const log = upgrade(await urlOf(service))
    await event(log, 2)

    expect(log.events).toEqual([['switch', ''], 'fault'])
    expect(log.fault).toMatchObject({ reason: 'upstream-broken', retryable: false })
  })
})

test('the gate answers a WebSocket ping of the service, and a ping of the gate reaches the service', async () => {
  const pong = Promise.withResolvers<string>()
  const ping = Promise.withResolvers<void>()
  const service = await wsService((socket) => {
    socket.on('pong', (data) => pong.resolve(data.toString()))
    socket.on('ping', () => ping.resolve())
    socket.ping('are you there?')
  })
  const log = upgrade(service)
  expect(await pong.promise).toBe('are you there?')
  log.call.ping()
  await ping.promise
  expect(log.call.reads).toBeGreaterThan(0)
  log.call.abort()
})

test('a reply other than 101 to a WebSocket handshake is reported as an ordinary reply', async () => {
  const upstream = await startUpstream({ handler: (_received, response) => void response.writeHead(403).end('no') })
  const log = upgrade(upstream.url)
  await event(log, 3)

  expect(log.events).toEqual([['head', 403], ['data', 'no'], 'end'])
})

test('a WebSocket handshake with a service that is cancelled when its connection opens writes nothing', async () => {
  const upstream = await rawUpstream('')
  const log = new UpgradeLog()
  const opened = Promise.withResolvers<void>()
  log.opened = () => {
    log.call.abort()
    opened.resolve()
  }
  upgrade(upstream.url, {}, log)
  await opened.promise
  await until('the connection has closed', () => upstream.received.length === 1)

  expect(log.events).toEqual([])
  expect(upstream.received[0]!.length).toBe(0)
})

const accept = (head: string) => {
  const key = /sec-websocket-key: (\S+)/i.exec(head)![1]
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A service that replies with these lines to an upgrade; `$` stands for the right accept value. */
const scripted = (lines: readonly string[], frames = Buffer.alloc(0)) =>
  rawUpstream(async (wire) => {
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    const text = ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n').replace('$', accept(head))
    await wire.send(Buffer.concat([Buffer.from(text, 'latin1'), frames]))
    await wire.rest(60_000)
  })

const good = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: $']

test('WebSocket messages in the same packet as the 101 reply are reported after the 101 reply', async () => {
  const upstream = await scripted(good, Buffer.from('\x81\x02hi\x82\x01x', 'latin1'))
  const log = upgrade(upstream.url)
  await event(log, 3)

  expect(log.events).toEqual([
    ['switch', ''],
    ['text', 'hi'],
    ['binary', 'x'],
  ])
  log.call.abort()
})

test.each([
  ['no Upgrade field', good.slice(1), []],
  ['another protocol in Upgrade', ['Upgrade: h2c', ...good.slice(1)], []],
  ['no Connection: Upgrade', [good[0]!, 'Connection: keep-alive', good[2]!], []],
  ['a wrong Sec-WebSocket-Accept', [good[0]!, good[1]!, 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA='], []],
  ['no Sec-WebSocket-Accept', good.slice(0, 2), []],
  ['an extension', [...good, 'Sec-WebSocket-Extensions: permessage-deflate'], []],
  ['a subprotocol although none was offered', [...good, 'Sec-WebSocket-Protocol: one'], []],
  ['a subprotocol that was not offered', [...good, 'Sec-WebSocket-Protocol: two'], ['one']],
  ['two subprotocols', [...good, 'Sec-WebSocket-Protocol: one', 'Sec-WebSocket-Protocol: one'], ['one']],
])('a 101 reply with %s causes upstream-broken', async (_, lines, protocols) => {
  const upstream = await scripted(lines)
  const log = upgrade(upstream.url, { protocols })
  await event(log, 1)

  expect(log.events).toEqual(['fault'])
  expect(log.fault).toMatchObject({ reason: 'upstream-broken' })
})

test('an invalid WebSocket frame of the service ends the WebSocket: the service gets the close code, and upstream-broken is reported', async () => {
  const closed = Promise.withResolvers<Buffer>()
  const upstream = await rawUpstream(async (wire) => {
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    await wire.send(
      [...['HTTP/1.1 101 Switching Protocols', ...good, '', ''].join('\r\n').replace('$', accept(head))].join(''),
    )
    await wire.send(Buffer.from('\x81\x02hi\xc1\x00', 'latin1'))
    closed.resolve(await wire.rest(60_000))
  })
  const log = upgrade(upstream.url)
  await event(log, 3)

  expect(log.events).toEqual([['switch', ''], ['text', 'hi'], 'fault'])
  const frame = await closed.promise
  const mask = frame.subarray(2, 6)
  const payload = frame.subarray(6).map((byte, i) => byte ^ mask[i & 3]!)
  expect(frame[0]).toBe(0x88)
  expect(Buffer.from(payload).readUInt16BE(0)).toBe(1002)
})

test('a WebSocket call counts each part of a slowly arriving message as one read, so the service does not count as silent', async () => {
  const more = Promise.withResolvers<void>()
  const upstream = await rawUpstream(async (wire) => {
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    await wire.send(['HTTP/1.1 101 Switching Protocols', ...good, '', ''].join('\r\n').replace('$', accept(head)))
    await more.promise
    await wire.send(Buffer.from('\x81\x02h', 'latin1'))
    await wire.rest(60_000)
  })
  const log = upgrade(upstream.url)
  await event(log, 1)
  const { reads } = log.call
  more.resolve()

  await until('a part of the message was read', () => log.call.reads > reads)
  expect(log.events).toEqual([['switch', '']])
  log.call.abort()
})

test('after the gate pauses a WebSocket to a service, no further message is reported until `resume`', async () => {
  let socket: WebSocket | undefined
  const service = await wsService((accepted) => {
    socket = accepted
    accepted.send('first')
  })
  const log = new UpgradeLog()
  log.holding = true
  upgrade(service, {}, log)
  await event(log, 2)
  let sent = false
  socket!.send(Buffer.alloc(500_000), () => {
    sent = true
  })
  await until('the kernel has taken the message', () => sent)
  expect(log.events).toHaveLength(2)

  log.holding = false
  log.call.resume()
  await event(log, 3)
  expect(log.events.at(-1)).toEqual(['binary', 500_000])
  log.call.abort()
})

test('while a WebSocket service does not read, `send` returns false, and `onDrained` is called when the service reads', async () => {
  let socket: WebSocket | undefined
  let bytes = 0
  const service = await wsService((accepted) => {
    socket = accepted
    accepted.pause()
    accepted.on('message', (data: Buffer) => {
      bytes += data.length
    })
  })
  const log = upgrade(service)
  await event(log, 1)
  const message = Buffer.alloc(64 * 1024)
  let count = 0
  await until('the kernel takes no more bytes', async () => {
    if (log.call.unsentBytes > 0) return true
    do count++
    while (log.call.send(message, true))
    await turn()
    return false
  })
  const drained = log.events.length
  socket!.resume()
  await event(log, drained + 1)

  expect(log.events.at(-1)).toBe('drained')
  await until('all messages have arrived', () => bytes === count * message.length)
  log.call.abort()
})
