import { setTimeout as sleep } from 'node:timers/promises'
import { expectEqual, expectTrue } from './expect.ts'
import { requestTokens } from './grants.ts'
import { readJwt } from './jwt.ts'
import { LogTail } from './log-tail.ts'
import { loopback } from './ports.ts'
import { nodeNames, type State } from './state.ts'
import type { TourStep } from './tour-step.ts'
import type { Tourist } from './tourist.ts'

/** The policy's tolerance for clocks that differ. */
const toleranceS = 1
/** A node asks the issuer for keys at most once in ten seconds. */
const rotationWithinMs = 20_000
const bothNodesWithinMs = 10_000

export const endings: readonly TourStep[] = [
  {
    title: 'a token is good until it expires, and not after, though it was just used',
    run: async (tourist) => {
      const { accessToken: token } = await requestTokens(tourist.ports, { resource: `${tourist.gate}/brief` })
      const visit = { method: 'GET', target: '/orders/1', token }
      await tourist.isAdmitted(visit, 'orders', { token, roles: [] })
      const endsMs = (Number(readJwt(token).claims.exp) + toleranceS) * 1000
      await sleep(endsMs - Date.now() + 100)
      await tourist.isRefused(visit, { status: 401, code: 'invalid_token', challenge: { error: 'invalid_token' } })
    },
  },
  {
    title: "the issuer's new key is accepted by both nodes, the old one goes on",
    run: async (tourist, state) => {
      const old = await tourist.token({ client: 'reader' })
      const rotated = await fetch(`${loopback(tourist.ports.issuer)}/demo/rotate-keys`, { method: 'POST' })
      expectEqual('status of the rotation', rotated.status, 204)
      const { accessToken: fresh } = await requestTokens(tourist.ports, { client: 'reader' })
      expectTrue('another key for the next token', readJwt(fresh).header.kid !== readJwt(old).header.kid)
      await untilBothNodes(tourist, state, rotationWithinMs, fresh)
      await tourist.isAdmitted({ method: 'GET', target: '/orders/1', token: old }, 'orders', { token: old, roles: [] })
    },
  },
  {
    title: 'both nodes take part',
    run: async (tourist, state) => untilBothNodes(tourist, state, bothNodesWithinMs, undefined),
  },
  {
    title: 'the access logs have every exchange of this tour, once, with its status',
    run: async (tourist, state) => {
      const logged = new Map<string, unknown[]>()
      const tails = nodeNames.map((node) => new LogTail(state.nodeLog(node)))
      const missing = () => [...tourist.exchanges.keys()].filter((id) => !logged.has(id))
      for (let looks = 0; looks < 30; looks++) {
        for (const line of tails.flatMap((tail) => tail.read())) {
          if (line.msg === 'exchange')
            logged.set(String(line.id), [...(logged.get(String(line.id)) ?? []), line.status])
        }
        if (missing().length === 0) break
        await sleep(100)
      }
      expectEqual('exchanges that no access log has', missing().length, 0)
      expectTrue('a hundred exchanges and more on this tour', tourist.exchanges.size > 100)
      for (const [id, status] of tourist.exchanges) expectEqual(`log lines of exchange ${id}`, logged.get(id), [status])
    },
  },
]

/**
 * Makes connections until each node has admitted one; the access logs tell which did.
 *
 * @param token  for a protected path; left out: a public one
 */
async function untilBothNodes(
  tourist: Tourist,
  state: State,
  withinMs: number,
  token: string | undefined,
): Promise<void> {
  const tails = nodeNames.map((node) => [node, new LogTail(state.nodeLog(node))] as const)
  const ids = new Set<string>()
  const admittedBy = new Set<string>()
  const target = token === undefined ? '/public/nodes' : '/orders/1'
  const deadlineMs = performance.now() + withinMs
  while (performance.now() < deadlineMs) {
    for (let connections = 0; connections < 8; connections++) {
      const answer = await tourist.visit({ method: 'GET', target, ...(token === undefined ? {} : { token }) })
      // A node that asked for keys a moment ago does not know the newest yet.
      expectTrue(`200, or 401 for a moment, not ${answer.status}`, answer.status === 200 || answer.status === 401)
      if (answer.status === 200) ids.add(answer.field('x-request-id') ?? '')
    }
    await sleep(150)
    for (const [node, tail] of tails) {
      if (tail.read().some(({ id }) => ids.has(String(id)))) admittedBy.add(node)
    }
    if (admittedBy.size === nodeNames.length) return
  }
  expectEqual(`nodes that admitted ${target}`, [...admittedBy].sort(), [...nodeNames])
}
