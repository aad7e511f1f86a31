import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { atEnd } from '../../kit/cleanup.ts'
import { FaultRelay, type LinkFault } from '../../kit/fault-relay.ts'
import { listen } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'

/** Starts a server that echoes bytes, behind a relay. */
async function echoBehindRelay(): Promise<{ relay: FaultRelay; received: () => string }> {
  let received = ''
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received += String(bytes)
      socket.write(bytes)
    })
  })
  const relay = await FaultRelay.start('echo', await listen(server))
  atEnd(() => relay.stop())
  atEnd(() => server.close())
  return { relay, received: () => received }
}

async function clientOf({
  port,
}: FaultRelay): Promise<{ socket: Socket; text: () => string; isClosed: () => boolean }> {
  const socket = connect(port, '127.0.0.1')
  let [text, isClosed] = ['', false]
  socket.on('data', (bytes) => {
    text += String(bytes)
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  atEnd(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, text: () => text, isClosed: () => isClosed }
}

async function echoed(relay: FaultRelay): Promise<void> {
  const client = await clientOf(relay)
  client.socket.write('again')
  await until('the echo', () => client.text() === 'again')
}

test('a fault relay with a slow link delays bytes, keeps their order, and counts them', async () => {
  const { relay } = await echoBehindRelay()
  relay.break({ kind: 'slow', delayMs: 20 })
  const client = await clientOf(relay)
  client.socket.write('one ')
  await until('the first bytes', () => client.text() === 'one ')
  client.socket.write('two ')
  relay.mend()
  client.socket.write('three')
  await until('all bytes', () => client.text() === 'one two three')
  expect(relay.counts.delayedBytes).toBeGreaterThanOrEqual(8)
})

test('a fault relay with a cut link resets open and new connections until the link is restored', async () => {
  const { relay } = await echoBehindRelay()
  const open = await clientOf(relay)
  relay.break({ kind: 'cut' })
  await until('the reset', open.isClosed)
  await clientOf(relay).catch(() => undefined)
  await until('the reset of a new connection', () => relay.counts.resets === 2)
  relay.mend()
  await echoed(relay)
})

test('a half-open connection of a fault relay stays open and silent, also after the link is restored, and a new connection works', async () => {
  const { relay, received } = await echoBehindRelay()
  const open = await clientOf(relay)
  relay.break({ kind: 'half-open' })
  open.socket.write('lost')
  await until('the bytes to vanish', () => relay.counts.vanishedBytes === 4)
  relay.mend()
  await echoed(relay)
  open.socket.write('too')
  await until('more bytes to vanish', () => relay.counts.vanishedBytes === 7)
  expect([open.isClosed(), open.text(), received()]).toEqual([false, '', 'again'])
})

test('a fault relay that loses replies forwards the request, and resets the connection instead of sending the reply', async () => {
  const { relay, received } = await echoBehindRelay()
  const fault: LinkFault = { kind: 'lost-reply', share: 0.5, random: () => 0.4 }
  relay.break(fault)
  const client = await clientOf(relay)
  client.socket.write('request')
  await until('the reset', client.isClosed)
  expect([received(), client.text(), relay.counts.lostReplies]).toEqual(['request', '', 1])
  relay.mend()
  await echoed(relay)
})

test('a fault relay that refuses connections accepts connections again on the same port', async () => {
  const { relay } = await echoBehindRelay()
  await relay.refuse()
  await expect(clientOf(relay)).rejects.toThrow('ECONNREFUSED')
  await relay.accept()
  await echoed(relay)
})
