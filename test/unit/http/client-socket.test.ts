import { expect, test } from 'vitest'
import { UwsClientSocket } from '../../../gateway/http/client-socket.ts'
import type { ClientSocketListener } from '../../../gateway/pipeline/exchange/client-socket.ts'

// When a close frame may be sent, and when a client counts as lost or stalled. uWebSockets.js is replaced: it would cut
// waiting bytes in the middle of a frame if it were asked to end too early (S-138).

const limit = { sweeps: 40, bytes: 10_240 }

/** A socket whose client reads only when the test says so. @param buffered  bytes that wait for the client */
function socketWith(buffered = 0) {
  const calls: unknown[][] = []
  const events: unknown[][] = []
  const state = { buffered, allowed: true, ready: true }
  const note =
    (list: unknown[][], name: string) =>
    (...values: unknown[]) => {
      list.push([name, ...values])
    }
  const ws = {
    getBufferedAmount: () => state.buffered,
    send: (data: Uint8Array) => {
      calls.push(['send', Buffer.from(data).toString()])
      return state.buffered > 0 ? 0 : 1
    },
    ping: () => {
      calls.push(['ping'])
      return 1
    },
    end: note(calls, 'end'),
    close: () => {
      calls.push(['close'])
      socket.closed(1006, new ArrayBuffer(0))
    },
  }
  const listener = {
    mayRelay: () => state.allowed,
    ready: () => state.ready,
    onMessage: (data: Uint8Array) => events.push(['message', Buffer.from(data).toString()]),
    onTooLarge: note(events, 'tooLarge'),
    onQueueFull: note(events, 'queueFull'),
    onGoingAway: note(events, 'goingAway'),
    onDrained: note(events, 'drained'),
    onFinished: note(events, 'finished'),
    onClose: note(events, 'close'),
    fail: note(events, 'fail'),
    sweep: () => undefined,
  }
  const flow = { pause: note(calls, 'pause'), resume: note(calls, 'resume') }
  const onEnded = note(events, 'ended')
  const socket = new UwsClientSocket({ flow: flow as never, maxBytes: 100, listener: listener as never, onEnded })
  socket.opened(ws as never)
  const receive = (text: string) => socket.received(Uint8Array.from(Buffer.from(text)).buffer, false)
  const sweep = (times: number) => {
    let last: unknown
    for (let i = 0; i < times; i++) last = socket.sweep(limit)
    return last
  }
  return { socket, calls, events, state, receive, sweep }
}

test('the gate sends a WebSocket close frame at once when no earlier bytes wait for the client', () => {
  const { socket, calls } = socketWith()
  socket.close(4401, 'over')

  expect(calls).toEqual([['end', 4401, 'over']])
  expect(socket.send(Buffer.from('late'), false)).toBe(false)
  expect(calls).toHaveLength(1)
})

test('if a client does not read, a WebSocket close frame waits until the client reads, and queued messages are dropped', () => {
  const { socket, calls, events, state } = socketWith(10)
  socket.send(Buffer.from('sent'), false)
  socket.send(Buffer.from('queued'), false)
  socket.close(4401, 'over')
  expect([calls, socket.lingers]).toEqual([[['send', 'sent']], true])

  state.buffered = 0
  socket.drained()
  expect(calls).toEqual([
    ['send', 'sent'],
    ['end', 4401, 'over'],
  ])
  expect([events, socket.lingers]).toEqual([[['ended']], false])
})

test('a WebSocket connection closes without its close frame if the client does not read for 2 s', () => {
  const { socket, calls, events, sweep } = socketWith(10)
  socket.close(4401, 'over')
  sweep(8)
  expect(calls).toEqual([])
  sweep(1)

  expect([calls, events]).toEqual([[['close']], [['ended']]])
})

test('WebSocket messages that arrive before the service is ready are queued in order, and the node stops reading from the client after each message', () => {
  const { socket, calls, events, state, receive } = socketWith()
  state.ready = false
  for (const text of ['a', 'b', '']) receive(text)
  expect([calls, events]).toEqual([[['pause'], ['pause'], ['pause']], []])

  state.ready = true
  socket.resume()
  expect(events).toEqual([
    ['message', 'a'],
    ['message', 'b'],
    ['message', ''],
  ])
  expect(calls.slice(3)).toEqual([['pause'], ['resume']])
})

test('messages of a WebSocket client that the gate holds are queued, and sent in order before later messages', () => {
  const { socket, calls, events, state } = socketWith()
  state.allowed = false
  expect([socket.send(Buffer.from('a'), false), socket.send(Buffer.from('b'), false)]).toEqual([false, false])
  state.allowed = true
  expect(socket.send(Buffer.from('c'), false)).toBe(false)
  expect(calls).toEqual([])
  socket.resume()

  expect(calls).toEqual(['a', 'b', 'c'].map((text) => ['send', text]))
  expect(events).toEqual([['drained']])
})

test('a silent WebSocket client gets a ping after 30 s, and is disconnected after 60 s', () => {
  const { socket, calls, events, sweep, receive } = socketWith()
  sweep(119)
  receive('x')
  sweep(120)
  expect(calls).toEqual([])
  sweep(1)
  expect(calls).toEqual([['ping']])
  socket.controlled()
  sweep(240)
  expect(calls).toEqual([['ping'], ['ping']])
  sweep(1)

  expect(calls.at(-1)).toEqual(['close'])
  expect(events.at(-1)).toEqual(['close', 1006, ''])
})

test('a WebSocket client counts as stalled if it reads slower than the minimum rate while bytes wait for it', () => {
  const { socket, state, sweep } = socketWith()
  state.buffered = 50_000
  socket.send(Buffer.alloc(50), false)

  expect(sweep(40)).toBeUndefined()
  expect(sweep(1)).toBe('reader-stalled')
})

test('a WebSocket client that sends pings and does not read the pongs is disconnected like a slow reader', () => {
  const { socket, calls, state } = socketWith()
  state.buffered = 100
  socket.controlled()

  expect(socket.send(Buffer.from('a'), false)).toBe(false)
  expect(calls).toEqual([])
  state.buffered = 0
  socket.drained()
  expect(calls).toEqual([['send', 'a']])
})

test('a WebSocket message above the rate limit of messages does not reach the service', () => {
  const { events, receive } = socketWith()
  receive('x'.repeat(101))

  expect(events).toEqual([['tooLarge']])
})

// The event that passes messages on is one of a socket, so an exception would end the process.
test('an exception while queued WebSocket messages are passed to the service is reported to the listener, and not thrown', () => {
  const fault = new Error('the temporary file cannot be read')
  const reported: unknown[] = []
  let isReady = false
  const listener: Partial<ClientSocketListener> = {
    ready: () => isReady,
    onMessage: () => {
      throw fault
    },
    fail: (error) => void reported.push(error),
  }
  const socket = new UwsClientSocket({
    flow: {} as never,
    maxBytes: 1000,
    listener: listener as ClientSocketListener,
    onEnded: () => undefined,
  })
  socket.received(new ArrayBuffer(5), true)
  expect(socket.pending).toBe(true)

  isReady = true
  socket.resume()
  expect(reported).toEqual([fault])
})

test.each(['messages', 'pings'] as const)('a WebSocket client that floods the node with %s is disconnected', (kind) => {
  const calls: string[] = []
  const listener: Partial<ClientSocketListener> = {
    ready: () => true,
    onMessage: () => undefined,
    onFlood: () => {
      calls.push('flood')
      // The close frame waits, because bytes wait for the client.
      socket.close(1008, 'too many messages')
    },
  }
  const ended: string[] = []
  const socket = new UwsClientSocket({
    flow: {} as never,
    maxBytes: 1000,
    listener: listener as ClientSocketListener,
    onEnded: () => ended.push('ended'),
  })
  const ws = {
    getBufferedAmount: () => 1,
    close: () => {
      calls.push('close')
      socket.closed(1006, new ArrayBuffer(0))
    },
  }
  socket.opened(ws as never)
  const one = new ArrayBuffer(0)
  const send = (): void => (kind === 'messages' ? socket.received(one, true) : socket.controlled())
  for (let i = 0; i < 250_000; i++) send()
  expect(calls).toEqual([])

  send()
  expect(calls).toEqual(['flood', 'close'])
  expect(ended).toEqual(['ended'])
})
