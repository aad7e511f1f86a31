import { type AddressInfo, createServer, type Socket } from 'node:net'
import { monotonicUs } from './clock.ts'

/**
 * HTTP service that records its requests `/ROW/SENT/…`, run as a separate process. SENT is the time at which the client
 * sent the request (monotonic clock of the machine, µs). An IPC message with a ROW is answered with the times of its
 * requests (sent and arrived, µs), which are then deleted.
 */
const REPLY = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const rows = new Map<string, number[]>()

/** Handles a connection that carries one request at a time, without request bodies. */
function serve(socket: Socket): void {
  let text = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    if (!text.endsWith('\r\n\r\n')) return
    const [, row, sentUs] = text.slice(0, text.indexOf('\r')).split('/')
    text = ''
    const times = rows.get(row!) ?? []
    if (times.length === 0) rows.set(row!, times)
    times.push(Number.parseInt(sentUs!, 10), monotonicUs())
    socket.write(REPLY)
  })
}

const server = createServer(serve)
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('message', (row: string) => {
  process.send?.(rows.get(row) ?? [])
  rows.delete(row)
})
process.once('disconnect', () => process.exit(0))
