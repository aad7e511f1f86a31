import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from '../admin-call.ts'
import { requestTokens } from '../grants.ts'
import { LogTail } from '../log-tail.ts'
import { nodeNames, type State } from '../state.ts'
import type { CheckClient, CheckReply } from './client.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { CheckStep } from './step.ts'
import { invalidToken } from './token-steps.ts'

const bothNodesLimitMs = 20_000
/**
 * Rate limit of `GET /reports/**` in the demo policy, and number of requests that the demo check sends to this route.
 */
const limit = { requests: 20, windowS: 10, sent: 30 }

export const clusterSteps: readonly CheckStep[] = [
  {
    title: 'the admin API of each node: 401 without a token, 403 without the scope, and the list of both nodes',
    run: async (client) => {
      const [reader, ops] = [await client.token({ client: 'reader' }), await opsToken(client, 'gatehouse:read')]
      for (const port of client.ports.admin) {
        const list = (token?: string) => callAdmin({ port, target: '/api/v1/nodes', ...(token && { token }) })
        expectEqual('status without a token', (await list()).status, 401)
        expectEqual('status with a token for the gate only', (await list(reader)).status, 403)
        const { nodes } = documentOf(await list(ops)) as { nodes: { id: string; revision: string }[] }
        expectEqual(
          'listed nodes',
          nodes.map(({ id }) => id),
          [...nodeNames],
        )
        expectEqual('different revisions of the policy', new Set(nodes.map(({ revision }) => revision)).size, 1)
      }
    },
  },
  {
    title: 'a token, revoked at either node, is rejected by both; a revocation without the scope is refused',
    run: async (client, state) => {
      const ops = await opsToken(client, 'gatehouse:revoke')
      for (const index of nodeNames.keys()) {
        const { accessToken: token } = await requestTokens(client.ports, { client: 'reader' })
        const refused = await revoke(client, index, token, { kind: 'token', token })
        expectEqual('status of a revocation without the scope', refused.status, 403)
        await onBothNodes(state, () => expectAdmitted(client, token))
        await expectReceipt(client, index, ops, { kind: 'token', token })
        await onBothNodes(state, () => expectRejected(client, token))
      }
    },
  },
  {
    title: `GET /reports/** ${limit.sent} times: both nodes together admit ${limit.requests}, and one more after Retry-After`,
    run: async (client) => {
      // A client that no other step uses, so its window is empty.
      const { accessToken: token } = await requestTokens(client.ports, { client: 'clerk', scope: 'reports:read' })
      const replies: CheckReply[] = []
      for (let i = 0; i < limit.sent; i++) replies.push(await client.send({ target: `/reports/limited/${i}`, token }))
      const refused = replies.filter(({ status }) => status === 429)
      const admitted = replies.filter(({ status }) => status === 200)
      expectEqual(
        'admitted and refused',
        [admitted.length, refused.length],
        [limit.requests, limit.sent - limit.requests],
      )
      const last = refused.at(-1)!
      const waitS = Number(last.field('retry-after'))
      expectTrue(`a Retry-After of 1 to ${limit.windowS + 1} s`, waitS >= 1 && waitS <= limit.windowS + 1)
      expectEqual('RateLimit', last.field('ratelimit'), `"reports";r=0;t=${waitS}`)
      await sleep(waitS * 1000)
      expectEqual('status after the wait', (await client.send({ target: '/reports/limited/again', token })).status, 200)
    },
  },
]

export const opsToken = (client: CheckClient, scope: string): Promise<string> => client.token({ client: 'ops', scope })

function revoke({ ports }: CheckClient, index: number, token: string, document: object) {
  const target = '/api/v1/revocations?wait=all'
  return callAdmin({ port: ports.admin[index]!, method: 'POST', target, document, token })
}

export async function expectReceipt(
  client: CheckClient,
  index: number,
  token: string,
  revocation: object,
): Promise<void> {
  const reply = await revoke(client, index, token, revocation)
  expectEqual('status of the revocation', reply.status, 200)
  const { acknowledged, missing } = documentOf(reply) as { acknowledged: { node: string }[]; missing: unknown }
  expectEqual('nodes that acknowledged', acknowledged.map(({ node }) => node).sort(), [...nodeNames])
  expectEqual('nodes that are missing', missing, [])
}

/** Sends a request with a token that the gate must admit. @returns the id of the request */
async function expectAdmitted(client: CheckClient, token: string): Promise<string> {
  return (await client.expectAdmitted({ target: '/orders/1', token }, 'orders', { token, roles: [] })).id
}

/** Sends a request with a token that the gate must reject. @returns the id of the request */
async function expectRejected(client: CheckClient, token: string): Promise<string> {
  return (await client.expectRefused({ target: '/orders/1', token }, invalidToken)).id
}

/**
 * Repeats an attempt, each on a new connection, until the access log of each node contains one of the attempts. Fails
 * after 20 s.
 */
async function onBothNodes(state: State, attempt: () => Promise<string>): Promise<void> {
  const tails = nodeNames.map((node) => [node, new LogTail(state.nodeLog(node))] as const)
  const ids = new Set<unknown>()
  const reached = new Set<string>()
  const deadlineMs = performance.now() + bothNodesLimitMs
  while (reached.size < nodeNames.length && performance.now() < deadlineMs) {
    for (let i = 0; i < 4; i++) ids.add(await attempt())
    await sleep(120)
    for (const [node, tail] of tails) if (tail.read().some(({ id }) => ids.has(id))) reached.add(node)
  }
  expectEqual('nodes with a successful attempt', [...reached].sort(), [...nodeNames])
}
