import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from './admin-call.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { ExpectedRefusal } from './expected-refusal.ts'
import { requestTokens } from './grants.ts'
import { readJwt } from './jwt.ts'
import { LogTail } from './log-tail.ts'
import { nodeNames, type State } from './state.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

const invalidToken: ExpectedRefusal = { status: 401, code: 'invalid_token', challenge: { error: 'invalid_token' } }
const bothNodesWithinMs = 10_000

/** One gate of two nodes: what is revoked at one is refused by both. */
export const revocations: readonly TourStep[] = [
  {
    title: 'each node lists both, at work under the same policy',
    run: async (tourist) => {
      const token = await tourist.token({ client: 'ops', scope: 'gatehouse:read' })
      for (const port of tourist.ports.admin) {
        const reply = await callAdmin({ port, target: '/api/v1/nodes', token })
        expectEqual('status of /api/v1/nodes', reply.status, 200)
        const nodes = documentOf(reply).nodes as readonly { readonly id: string; readonly revision: string }[]
        expectEqual(
          'nodes that are listed',
          nodes.map(({ id }) => id),
          [...nodeNames],
        )
        expectEqual('different revisions', new Set(nodes.map(({ revision }) => revision)).size, 1)
      }
    },
  },
  {
    title: 'a revocation by one who may not: 401, 403, and the token goes on',
    run: async (tourist) => {
      const { accessToken: token } = await requestTokens(tourist.ports, { client: 'reader' })
      for (const [caller, status] of [
        [undefined, 401],
        [token, 403],
        [await tourist.token({ client: 'ops', scope: 'gatehouse:read' }), 403],
      ] as const) {
        const reply = await revoke(tourist, 0, caller, { kind: 'token', token })
        expectEqual('status of a revocation by one who may not', reply.status, status)
      }
      await tourist.isAdmitted({ method: 'GET', target: '/orders/1', token }, 'orders', { token, roles: [] })
    },
  },
  {
    title: 'a token, revoked at either node: both acknowledge, then both refuse it, and no other',
    run: async (tourist, state) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:revoke' })
      for (const index of nodeNames.keys()) {
        const { accessToken: token } = await requestTokens(tourist.ports, { client: 'reader' })
        const { accessToken: another } = await requestTokens(tourist.ports, { client: 'reader' })
        await untilBothNodes(state, () => isAdmitted(tourist, token))
        await expectReceipt(tourist, index, ops, { kind: 'token', token, reason: 'tour' })
        await untilBothNodes(state, () => isRefused(tourist, token))
        await isAdmitted(tourist, another)
      }
    },
  },
  {
    title: 'a user, revoked: the tokens of now are refused, one from a new login is admitted',
    run: async (tourist, state) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:revoke' })
      const before = await requestTokens(tourist.ports, { user: 'bob' })
      await isAdmitted(tourist, before.accessToken)
      await expectReceipt(tourist, 1, ops, { kind: 'subject', id: 'bob', reason: 'tour' })
      await untilBothNodes(state, () => isRefused(tourist, before.accessToken))
      // A token counts as new from the next whole second on, and clocks may differ by one.
      const revokedS = Date.now() / 1000
      const later = await untilLater(revokedS, () => requestTokens(tourist.ports, { user: 'bob' }))
      await untilBothNodes(state, () => isAdmitted(tourist, later.accessToken))
    },
  },
]

type Order = Readonly<Record<string, string>>

function revoke(tourist: Tourist, index: number, token: string | undefined, document: Order) {
  const port = tourist.ports.admin[index]!
  return callAdmin({
    port,
    method: 'POST',
    target: '/api/v1/revocations?wait=all',
    document,
    ...(token === undefined ? {} : { token }),
  })
}

async function expectReceipt(tourist: Tourist, index: number, token: string, order: Order): Promise<void> {
  const reply = await revoke(tourist, index, token, order)
  expectEqual('status of the revocation', reply.status, 200)
  const { acknowledged, missing, fenced_by: fencedBy } = documentOf(reply)
  const names = (acknowledged as readonly { readonly node: string }[]).map(({ node }) => node).sort()
  expectEqual('nodes that acknowledged', names, [...nodeNames])
  expectEqual('nodes that are missing', missing, [])
  expectTrue('a time from which no node admits it', Date.parse(String(fencedBy)) > Date.now() - 10_000)
}

async function isAdmitted(tourist: Tourist, token: string): Promise<string> {
  const roles = Array.isArray((readJwt(token).claims.realm_access as { roles?: unknown } | undefined)?.roles)
  const identity = { token, roles: roles ? ['manager'] : [] }
  const answer = await tourist.isAdmitted({ method: 'GET', target: '/orders/1', token }, 'orders', identity)
  return answer.field('x-request-id') ?? ''
}

async function isRefused(tourist: Tourist, token: string): Promise<string> {
  const answer = await tourist.isRefused({ method: 'GET', target: '/orders/1', token }, invalidToken)
  return answer.field('x-request-id') ?? ''
}

/** Visits, each on a connection of its own and each of which must end well, until both nodes have had one. */
async function untilBothNodes(state: State, visit: () => Promise<string>): Promise<void> {
  const tails = nodeNames.map((node) => [node, new LogTail(state.nodeLog(node))] as const)
  const ids = new Set<string>()
  const seenBy = new Set<string>()
  const deadlineMs = performance.now() + bothNodesWithinMs
  while (seenBy.size < nodeNames.length && performance.now() < deadlineMs) {
    for (let visits = 0; visits < 4; visits++) ids.add(await visit())
    await sleep(120)
    for (const [node, tail] of tails) {
      if (tail.read().some(({ id }) => ids.has(String(id)))) seenBy.add(node)
    }
  }
  expectEqual('nodes that had such a visit', [...seenBy].sort(), [...nodeNames])
}

/** Makes tokens until one was issued after that second, the policy's tolerance included. */
async function untilLater<T extends { readonly accessToken: string }>(
  afterS: number,
  make: () => Promise<T>,
): Promise<T> {
  await sleep((Math.ceil(afterS) + 2) * 1000 - Date.now())
  const made = await make()
  expectTrue('a token that was issued later', Number(readJwt(made.accessToken).claims.iat) > afterS)
  return made
}
