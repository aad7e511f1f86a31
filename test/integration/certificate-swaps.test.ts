import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { startNode } from '../kit/node.ts'
import { later } from '../kit/swap.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// A node that rereads its TLS certificates on SIGHUP resets no connection, not even a connection in the accept queue.
// The long test opens 100 connections per second during 100 certificate changes and 100 signals without a change. It
// takes about one minute:
// GATEHOUSE_TEST_LONG=1 npm test -- test/integration/certificate-swaps.test.ts

const long = process.env['GATEHOUSE_TEST_LONG'] !== undefined

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-swaps-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * @param routes  number of additional routes; a thousand keep the event loop of the node busy while it compiles them
 */
function policy(upstream: string, routes: number): string {
  const more = Array.from({ length: routes }, (_, i) => `{ id: r${i}, match: { path: /r${i}/** }, require: public }`)
  return `
version: 1
services:
  open:
    upstreams: ["${upstream}"]
    credentials: none
    routes: [{ id: open, match: { path: /open/** }, require: public }, ${more.join(', ')}]
`
}

/** Starts a node with TLS. The quick tests share one. */
async function start() {
  const upstream = await startUpstream()
  const { certFile, keyFile } = await certificateFor(folder, 'api', ['api.example'])
  const node = await startNode({
    policy: policy(upstream.url, 0),
    settings: {
      tls: { certificates: [{ cert: certFile, key: { file: keyFile } }] },
      public_url: 'https://api.example',
    },
  })
  return { node, upstream }
}

const { node, upstream } = await start()

/** Opens a TLS connection, sends one request and reads the reply. @returns `200`, or the error */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, servername: 'api.example', rejectUnauthorized: false }
    const socket = connect(options)
    let reply = ''
    socket.on('secureConnect', () => socket.write('GET /open/1 HTTP/1.1\r\nHost: api.example\r\n\r\n'))
    socket.setEncoding('latin1').on('data', (text: string) => {
      reply += text
      if (!reply.includes('\r\n')) return
      resolve(reply.slice(9, 12))
      socket.destroy()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve('closed without a reply'))
  })
}

/** Starts a request on a new connection every `pauseMs` until `over` is true. @returns number of requests by outcome */
async function openUntil(port: number, pauseMs: number, over: () => boolean): Promise<Record<string, number>> {
  const asked: Promise<string>[] = []
  while (!over()) {
    asked.push(ask(port))
    await sleep(pauseMs)
  }
  const outcomes: Record<string, number> = {}
  for (const outcome of await Promise.all(asked)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  return outcomes
}

function signalled(node: TestNode): Promise<unknown> {
  const seen = node.log.length
  node.reload()
  return later(node, seen, ({ msg, trigger }) => String(msg).startsWith('certificates ') && trigger === 'reload')
}

test.each([
  ['a new certificate', true, 'certificates reloaded'],
  ['unchanged files', false, 'certificates unchanged'],
])(
  'when a node receives SIGHUP with %s, no connection that waits to be accepted is reset',
  async (_, change, logged) => {
    const seen = node.log.length
    for (let round = 1; round <= 3; round++) {
      if (change) await certificateFor(folder, 'api', ['api.example'])
      node.writePolicy(policy(upstream.url, 1000 + round))
      let done = false
      const reload = signalled(node).then(() => {
        done = true
      })
      const outcomes = await openUntil(node.port, 3, () => done)
      await reload

      expect(Object.keys(outcomes)).toEqual(['200'])
    }
    expect(node.log.slice(seen).filter(({ msg }) => msg === logged)).toHaveLength(3)
  },
)

test('a node keeps connections open across several certificate changes, and new connections get the newest certificate', async () => {
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: node.port, servername: 'api.example', rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    return socket
  }
  const kept = [await open()]
  let last = ''
  for (let i = 0; i < 3; i++) {
    last = (await certificateFor(folder, 'api', ['api.example'])).cert
    await signalled(node)
    kept.push(await open())
  }

  expect(kept.at(-1)!.getPeerX509Certificate()?.toString()).toBe(new X509Certificate(last).toString())
  for (const socket of kept) {
    socket.write('GET /open/1 HTTP/1.1\r\nHost: api.example\r\n\r\n')
    const [bytes] = await once(socket, 'data')
    expect(String(bytes)).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
  }
})

test.runIf(long)(
  'during 100 certificate changes and 100 signals without a change, a node resets none of 100 new connections per second',
  async () => {
    const { node } = await start()
    let done = false
    const signals = (async () => {
      for (let i = 0; i < 200; i++) {
        if (i % 2 === 0) await certificateFor(folder, 'api', ['api.example'])
        await Promise.all([signalled(node), sleep(200)])
      }
    })().finally(() => {
      done = true
    })
    const outcomes = await openUntil(node.port, 9, () => done)
    await signals
    console.log(outcomes)

    expect(node.log.filter(({ msg }) => msg === 'certificates reloaded')).toHaveLength(100)
    expect(node.log.filter(({ msg }) => msg === 'certificates unchanged')).toHaveLength(100)
    expect(Object.keys(outcomes)).toEqual(['200'])
  },
  300_000,
)
