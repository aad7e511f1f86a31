// The admin API, which fastify serves, closes the connections of clients that do not read, and records calls whose
// client disconnects.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { AdminApi } from '../../../gateway/admin/admin-api.ts'
import { CallerAuthenticator } from '../../../gateway/admin/caller-authenticator.ts'
import type { AdminDependencies } from '../../../gateway/admin/dependencies.ts'
import type { IssuerRules, TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { PlainServer } from '../../../gateway/probes/plain-server.ts'
import { until } from '../../kit/until.ts'

const bootstrapToken = 'bootstrap-token-of-the-admin-api-test'
const bootstrap = { current: bootstrapToken, previous: undefined }
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Setup {
  readonly warning?: string
  readonly replyMs?: number
  /** Result of the verification of every access token. */
  readonly verified?: Promise<TokenFacts>
}

/**
 * Starts the admin API on a server of its own, without a node. The text of `warning` is part of the `/status` reply,
 * so a long text makes the reply long.
 */
async function start({ warning = '', replyMs, verified }: Setup = {}) {
  const node = {
    id: 'node-a',
    version: '1.2.3',
    warnings: [warning],
    relaxations: [],
    issuerKeys: [],
    grants: [],
    upstreams: [],
    names: [],
    expiries: [],
    overload: { mode: 'shed', level: 0, delayMs: 0, busy: 0, memory: 0, inFlight: 0, shed: 0 },
  }
  const snapshot = { revision: '3f2a9c1d04be', services: [], routes: [] }
  const dependencies = {
    node: { ...node, snapshot, policy: { loadedAtMs: 0, rejected: 0 }, connections: { open: 0, opened: 0 } },
  } as unknown as AdminDependencies
  const rules = { issuer: 'https://idp.example' } as IssuerRules
  const issuer = verified && { rules, verifier: { verify: () => verified } }
  const callers = new CallerAuthenticator({ bootstrapToken: () => bootstrap, issuer, revocations: undefined })
  const lines: Record<string, unknown>[] = []
  const api = await AdminApi.open(
    dependencies,
    callers,
    (_level, message, fields) => void lines.push({ message, ...fields }),
    replyMs === undefined ? {} : { replyMs },
  )
  const served: Socket[] = []
  const server = await PlainServer.listen('admin.listen', { host: '127.0.0.1', port: 0 }, ({ socket }) => {
    served.push(socket)
    return { send: (request, response) => api.serve(request, response) }
  })
  closers.push(
    () => api.close(),
    () => server.close(),
  )
  return { port: server.port, lines, served }
}

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  closers.push(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(text)
  return socket
}

const head = (line: string, more = '') =>
  `${line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${bootstrapToken}\r\n${more}\r\n`

test('the admin API closes the connection of a client that does not read a reply within the reply time limit', async () => {
  const { port, served } = await start({ warning: 'x'.repeat(32 * 1024 * 1024), replyMs: 200 })
  const socket = await open(port, head('GET /status'))
  socket.pause()

  await until('the connection is closed', () => served[0]?.destroyed === true)
})

test('the admin API records a call as status 400 when the client disconnects before the body is complete', async () => {
  const { port, lines, served } = await start()
  const more = 'Content-Type: application/json\r\nContent-Length: 100\r\n'
  const socket = await open(port, head('POST /api/v1/revocations', more))
  await until('the request has arrived', () => served.length === 1)
  socket.destroy()

  await until('the call has a log line', () => lines.length > 0)
  expect(lines).toMatchObject([{ message: 'admin call', operation: 'revoke', status: 400, who: 'bootstrap' }])
})

test('the admin API records a call once when the client disconnects while its token is verified', async () => {
  const { promise, resolve } = Promise.withResolvers<TokenFacts>()
  const { port, lines, served } = await start({ verified: promise })
  const socket = await open(port, head('GET /status').replace(bootstrapToken, 'access-token'))
  await until('the request has arrived', () => served.length === 1)
  socket.destroy()
  await until('the server has seen the end of the connection', () => served[0]!.destroyed)
  resolve({ subject: 'olga', client: 'console', scopes: new Set(['gatehouse:read']) } as unknown as TokenFacts)

  await until('the call has a log line', () => lines.length > 0)
  expect(lines).toMatchObject([{ message: 'admin call', operation: 'show_status', who: 'olga' }])
})

test('the admin API records a call with an invalid token when the client disconnects right after the request', async () => {
  const { port, lines } = await start()
  const socket = await open(port, head('GET /status').replace(bootstrapToken, 'x'))
  socket.destroySoon()

  await until('the call has a log line', () => lines.length > 0)
  expect(lines).toMatchObject([{ message: 'admin call', status: 401, problem: 'invalid_token', who: null }])
})
