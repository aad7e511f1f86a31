import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from './admin-call.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { DemoReply } from './http-call.ts'
import { nodeNames, type State } from './state.ts'
import type { TourStep } from './tour-step.ts'

const countersWithinMs = 5000

/** The admin API of both nodes, which is not behind the gate. */
export const administration: readonly TourStep[] = [
  {
    title: 'the admin API of each node: 401 without a token, 403 with one for the gate alone',
    run: async (tourist) => {
      const reader = await tourist.token({ client: 'reader' })
      for (const port of tourist.ports.admin) {
        for (const target of ['/status', '/api/v1/nodes', '/api/v1/openapi.json']) {
          const without = await callAdmin({ port, target })
          expectProblem(`${target} without a token`, without, 401, 'credential_required', 'Bearer')
          const stranger = await callAdmin({ port, target, token: 'x'.repeat(43) })
          expectProblem(`${target} with any text`, stranger, 401, 'invalid_token', 'Bearer error="invalid_token"')
          const forGate = await callAdmin({ port, target, token: reader })
          const challenge = 'Bearer error="insufficient_scope", scope="gatehouse:read"'
          expectProblem(`${target} with the token of the reader`, forGate, 403, 'insufficient_scope', challenge)
        }
      }
    },
  },
  {
    title: 'the operator sees each node: ready, under the same policy',
    run: async (tourist, state) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:read' })
      const bootstrap = readFileSync(state.adminToken, 'utf8').trim()
      const revisions = new Set<unknown>()
      for (const [i, port] of tourist.ports.admin.entries()) {
        for (const token of [ops, bootstrap]) {
          const reply = await callAdmin({ port, target: '/status', token })
          expectEqual('status of /status', reply.status, 200)
          const { node, ready, policy } = documentOf(reply)
          expectEqual('node that answers, and whether it is ready', [node, ready], [nodeNames[i], true])
          revisions.add((policy as { revision?: unknown }).revision)
        }
      }
      expectEqual('different revisions of the policy', revisions.size, 1)
    },
  },
  {
    title: 'each node explains what it would do with a request, and why, and does nothing of it',
    run: async (tourist) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:read' })
      const asked = { method: 'POST', url: '/orders/explained', token: await tourist.token({ client: 'reader' }) }
      for (const port of tourist.ports.admin) {
        const reply = await callAdmin({ port, method: 'POST', target: '/api/v1/explain', token: ops, document: asked })
        expectEqual('status of /api/v1/explain', reply.status, 200)
        const { decision, reason, signature, phases } = documentOf(reply)
        const said = [decision, reason, signature, (phases as string[]).at(-1)]
        expectEqual('what the node says', said, ['refused', 'scope-missing', 'verified', 'authorize'])
      }
    },
  },
]

/** Behind all other steps: what the nodes counted is what their logs have. */
export const counting: TourStep = {
  title: "each node's metrics count as many exchanges as its access log has",
  run: async (tourist, state) => {
    for (const [i, port] of tourist.ports.admin.entries()) {
      let [counted, logged] = [0, 0]
      const deadlineMs = performance.now() + countersWithinMs
      do {
        counted = await countedBy(port)
        logged = loggedBy(state, i)
        if (counted !== logged) await sleep(100)
      } while (counted !== logged && performance.now() < deadlineMs)
      expectEqual(`exchanges that ${nodeNames[i]} counted`, counted, logged)
      expectTrue(`that ${nodeNames[i]} counted some`, counted > 0)
    }
  },
}

async function countedBy(port: number): Promise<number> {
  const reply = await callAdmin({ port, target: '/metrics' })
  expectEqual('status of /metrics', reply.status, 200)
  const samples = [...reply.body.toString().matchAll(/^gatehouse_requests_total\{[^}]*\} (\d+)$/gm)]
  return samples.reduce((sum, [, value]) => sum + Number(value), 0)
}

function loggedBy(state: State, index: number): number {
  const lines = readFileSync(state.nodeLog(nodeNames[index]!), 'utf8').split('\n')
  return lines.filter((line) => line.includes('"msg":"exchange"')).length
}

function expectProblem(what: string, reply: DemoReply, status: number, code: string, challenge: string): void {
  expectEqual(`status of ${what}`, reply.status, status)
  expectEqual(`WWW-Authenticate of ${what}`, reply.field('www-authenticate'), challenge)
  expectEqual(`code in the problem document of ${what}`, documentOf(reply).code, code)
}
