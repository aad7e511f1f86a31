import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startNodeProcess } from '../kit/node.ts'
import { listen } from '../kit/ports.ts'

// Ten clients at loopback speed upload to a slow service. All bodies arrive complete, and the memory of the node
// stays within its limits: the gate stores further data in unnamed files.

const MIB = 1024 * 1024
const UPLOADS = 10
const BYTES = 44 * MIB
const NODE_CAP = 256 * MIB

const block = Buffer.alloc(MIB, 'gatehouse ')
const whole = createHash('sha256')
for (let sent = 0; sent < BYTES; sent += block.length) whole.update(block)
const expected = whole.digest('hex')

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

test('ten uploads at the speed of the loopback interface to a slow service arrive complete, and the memory of the node stays bounded', {
  timeout: 120_000,
}, async () => {
  const service = createServer(async (request, response) => {
    const hash = createHash('sha256')
    let taken = 0
    for await (const chunk of request) {
      hash.update(chunk)
      taken += chunk.length
      // A pause of 60 ms after each 8 MiB makes the service slow.
      if (taken > 8 * MIB) {
        taken = 0
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
    }
    response.end(hash.digest('hex'))
  })
  const port = await listen(service)
  atEnd(async () => {
    service.closeAllConnections()
    service.close()
  })
  const node = await startNodeProcess({
    policy: `
version: 1
services:
  slow:
    upstreams: ["http://127.0.0.1:${port}"]
    credentials: none
    routes: [{ id: up, match: { path: /up }, require: public, body: { max: none } }]
`,
  })
  const idle = residentBytes(node.pid)
  let most = idle
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(node.pid))
  }, 20)

  const upload = () =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(node.port, '127.0.0.1')
      let reply = ''
      socket.on('error', reject).on('data', (chunk) => {
        reply += chunk
        if (/\r\n\r\n[0-9a-f]{64}$/.test(reply)) {
          resolve(reply.slice(-64))
          socket.destroy()
        }
      })
      socket.write(`POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${BYTES}\r\n\r\n`)
      for (let sent = 0; sent < BYTES; sent += block.length) socket.write(block)
    })
  const hashes = await Promise.all(Array.from({ length: UPLOADS }, upload))
  clearInterval(watch)

  expect(hashes).toEqual(Array.from({ length: UPLOADS }, () => expected))
  console.log(`memory: ${Math.round(idle / MIB)} MiB idle, ${Math.round(most / MIB)} MiB at most`)
  expect(most - idle).toBeLessThan(NODE_CAP + 96 * MIB)
})
