import { expect, test } from 'vitest'
import { UwsClientSocket } from '../../../gateway/http/client-socket.ts'
import type { ClientSocketListener } from '../../../gateway/pipeline/exchange/client-socket.ts'

// Faults while messages are passed on. The event that passes them on is one of a socket, so an exception would end the
// process.

test('a fault while queued messages are passed to the service is reported to the listener, and not thrown', () => {
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
