// Opens a WebSocket: `websocket-client.ts URL TOKEN`. Sends each line of the standard input, and prints each message and
// the close code. The end of the input closes the WebSocket. Exit codes: 0 closed by a close frame, 1 refused or lost, 2
// wrong usage.

import { createInterface } from 'node:readline'

const [, , url, token] = process.argv
if (url === undefined || token === undefined) {
  console.error('usage: websocket-client.ts URL TOKEN')
  process.exit(2)
}

const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } })

socket.addEventListener('open', () => {
  console.error(`open: ${url}`)
  // Open the input only now, when there is a listener: lines that arrive earlier would be lost.
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => socket.send(line))
  lines.on('close', () => socket.close())
})
socket.addEventListener('message', ({ data }) => console.log(String(data)))
socket.addEventListener('close', ({ code, reason }) => {
  console.error(
    code === 1006 ? 'the gate refused the WebSocket, or the connection was lost' : `closed: ${code} ${reason}`,
  )
  process.exit(code === 1006 ? 1 : 0)
})
