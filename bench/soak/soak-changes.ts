import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchNode, writePolicy } from '../harness/node.ts'
import type { BenchIssuer } from '../harness/tokens.ts'
import type { Outcomes } from './outcomes.ts'
import { type SoakServices, soakPolicy } from './soak-policy.ts'

/** Time between two policies, between two revocations, and between two keys of the issuer, ms. */
const [SWAP_GAP_MS, REVOCATION_GAP_MS, ROTATION_GAP_MS] = [15_000, 2000, 45_000]
/** First number of the users whose tokens are revoked. No number is used twice: the `jti` of a revoked token stays so. */
const REVOKED_FROM = 1000

interface Changed {
  readonly nodes: readonly BenchNode[]
  readonly issuer: BenchIssuer
  readonly services: SoakServices
  readonly outcomes: Outcomes
}

/** Replaces the policy, revokes tokens and rotates the key of the issuer until `isOver` returns true. */
export async function makeChanges(changed: Changed, isOver: () => boolean): Promise<void> {
  const { nodes, issuer, services, outcomes } = changed
  const repeat = async (action: string, gapMs: number, work: (turn: number) => Promise<void>): Promise<void> => {
    for (let turn = 1; !isOver(); turn++) {
      await outcomes.attempt(action, () => work(turn))
      for (let waitedMs = 0; waitedMs < gapMs && !isOver(); waitedMs += 500) await sleep(Math.min(500, gapMs))
    }
  }
  await Promise.all([
    repeat('policy', SWAP_GAP_MS, async (turn) => {
      for (const { folder } of nodes) writePolicy(folder, soakPolicy(issuer.url, services, turn))
    }),
    repeat('revocation', REVOCATION_GAP_MS, (turn) => revokeToken(nodes, issuer, turn)),
    repeat('key rotation', ROTATION_GAP_MS, () => issuer.rotate()),
  ])
}

/** Revokes a token that is in use. @throws {Error} when it was rejected before, or is admitted afterwards */
async function revokeToken(nodes: readonly BenchNode[], issuer: BenchIssuer, turn: number): Promise<void> {
  const user = REVOKED_FROM + turn
  const token = turn % 2 === 0 ? await issuer.token(user) : issuer.opaque(user)
  const [node, other] = turn % 4 < 2 ? [nodes[0]!, nodes[1]!] : [nodes[1]!, nodes[0]!]
  const before = await statusAt(other, token)
  if (before !== 200) throw new Error(`status ${before} before the revocation`)
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/revocations?wait=all`, {
    method: 'POST',
    headers: { authorization: `Bearer ${node.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'token', token }),
  })
  await reply.body?.cancel()
  if (!reply.ok) throw new Error(`status ${reply.status} of the admin API`)
  const after = await statusAt(other, token)
  if (after !== 401) throw new Error(`status ${after} after the revocation`)
}

async function statusAt({ port }: BenchNode, token: string): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/orders/1`, { headers: { authorization: `Bearer ${token}` } })
  await reply.body?.cancel()
  return reply.status
}
