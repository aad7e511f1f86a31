import { setTimeout as sleep } from 'node:timers/promises'
import { requestTokens } from '../grants.ts'
import { readJwt } from '../jwt.ts'
import { LogTail } from '../log-tail.ts'
import { nodeNames, type State } from '../state.ts'
import { noCredential } from './access-steps.ts'
import type { CheckClient } from './client.ts'
import { expectReceipt, opsToken } from './cluster-steps.ts'
import { expectEqual, expectTrue } from './expect.ts'
import { type OpenStream, openEvents, openSocket } from './open-streams.ts'
import type { CheckStep } from './step.ts'
import { invalidToken } from './token-steps.ts'

const scope = 'stream:read'
const limitMs = 20_000
/** Streams of each kind that are open when their token is revoked. The kernel distributes them over the nodes. */
const openAtOnce = 4
const attemptsMax = 5

const handshake = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
}
const opening = [{ target: '/stream/ws', fields: handshake }, { target: '/stream/events' }] as const

export const streamSteps: readonly CheckStep[] = [
  {
    title: `/stream/ws and /stream/events: 401 without a token, 403 without ${scope}`,
    run: async (client) => {
      const weak = await client.token({ client: 'reader', scope: 'orders:read' })
      const challenge = { error: 'insufficient_scope', scope }
      for (const request of opening) {
        await client.expectRefused(request, noCredential)
        await client.expectRefused({ ...request, token: weak }, { status: 403, code: 'insufficient_scope', challenge })
      }
    },
  },
  {
    title: 'WebSockets and event streams of both nodes end when their token is revoked at one: 4401, complete reply',
    run: async (client, state) => {
      const ops = await opsToken(client, 'gatehouse:revoke')
      const found = new Set<string>()
      const deadlineMs = performance.now() + limitMs
      while (found.size < 2 * nodeNames.length && performance.now() < deadlineMs) {
        const { accessToken: token } = await requestTokens(client.ports, { client: 'reader', scope })
        const [sockets, events] = await Promise.all([
          severalOf(() => openSocket(client, token)),
          severalOf(() => openEvents(client, token)),
        ])
        await expectReceipt(client, 0, ops, { kind: 'token', token })
        for (const { ended } of sockets) expectEqual('end of the WebSocket', await ended, 'close code 4401')
        for (const { ended } of events) expectEqual('end of the event stream', await ended, 'complete reply')
        for (const request of opening) await client.expectRefused({ ...request, token }, invalidToken)
        for (const node of await nodesOf(state, sockets)) found.add(`WebSocket at ${node}`)
        for (const node of await nodesOf(state, events)) found.add(`event stream at ${node}`)
      }
      const all = ['WebSocket', 'event stream'].flatMap((kind) => nodeNames.map((node) => `${kind} at ${node}`))
      expectEqual('streams that ended', [...found].sort(), all.sort())
    },
  },
  {
    title: 'a WebSocket ends with 4401 when its token expires',
    run: async (client) => {
      const { socket, expiresS } = await openWithBriefToken(client)
      expectEqual('end of the WebSocket', await socket.ended, 'close code 4401')
      expectTrue('an end after the expiry of the token', Date.now() / 1000 >= expiresS)
    },
  },
]

const severalOf = <T>(open: () => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: openAtOnce }, open))

/** Opens a WebSocket with a token that expires in 2 s. Repeats this when a busy machine lets the token expire before. */
async function openWithBriefToken(client: CheckClient): Promise<{ socket: OpenStream; expiresS: number }> {
  const request = { client: 'reader', scope, resource: `${client.gate}/brief` }
  for (let attempt = 1; ; attempt++) {
    const { accessToken: token } = await requestTokens(client.ports, request)
    const expiresS = Number(readJwt(token).claims.exp)
    try {
      return { socket: await openSocket(client, token), expiresS }
    } catch (error) {
      if (attempt === attemptsMax || Date.now() / 1000 < expiresS) throw error
    }
  }
}

/** Returns the nodes whose access logs contain these streams. */
async function nodesOf(state: State, streams: readonly OpenStream[]): Promise<ReadonlySet<string>> {
  const tails = nodeNames.map((node) => [node, new LogTail(state.nodeLog(node))] as const)
  const nodes = new Map<unknown, string>()
  const deadlineMs = performance.now() + limitMs
  while (performance.now() < deadlineMs) {
    for (const [node, tail] of tails) for (const { id } of tail.read()) nodes.set(id, node)
    if (streams.every(({ id }) => nodes.has(id))) break
    await sleep(100)
  }
  return new Set(streams.map(({ id }) => nodes.get(id) ?? `no node: request ${id}`))
}
