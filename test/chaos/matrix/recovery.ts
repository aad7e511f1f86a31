import { setTimeout as sleep } from 'node:timers/promises'
import { request } from 'undici'
import type { ServedRequest } from './ledger.ts'
import type { ChaosLoad } from './load.ts'
import { bearer } from './load-client.ts'
import { openEvents, openWebSocket } from './load-streams.ts'
import type { WorldNode } from './world.ts'

/** A check of one node or of the world; returns whether the part is well. */
interface HealthCheck {
  readonly name: string
  readonly check: () => Promise<boolean>
}

let probes = 0

/**
 * Waits until every check has succeeded once since the end of the fault. @returns the time that this took, ms, and the
 * names of the checks that did not succeed in `limitMs`
 */
export async function untilWell(load: ChaosLoad, limitMs: number): Promise<{ ms: number; unwell: string[] }> {
  const startedMs = performance.now()
  let left = checksOf(load)
  for (;;) {
    const results = await Promise.all(left.map(({ check }) => check().catch(() => false)))
    left = left.filter((_, i) => results[i] === false)
    const ms = performance.now() - startedMs
    if (left.length === 0 || ms > limitMs)
      return { ms, unwell: left.map(({ name }) => `${name} after ${Math.round(ms)} ms`) }
    await sleep(150)
  }
}

/**
 * Waits until the sink has a record of every request that a service has received until now. @returns the requests without
 * a record after `limitMs`
 */
export async function untilRecorded({ world }: ChaosLoad, limitMs: number): Promise<ServedRequest[]> {
  const { unrecorded } = world.ledger
  const awaited = [...unrecorded.values()]
  const missing = () => awaited.filter(({ id }) => unrecorded.has(id))
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline && missing().length > 0) await sleep(100)
  return missing()
}

/** Returns the sessions that a node rejects, or for which it gives no answer in `limitMs`. */
export async function lostSessions(load: ChaosLoad, limitMs: number): Promise<string[]> {
  const { world, sessions } = load
  const deadline = performance.now() + limitMs
  const tries = sessions.flatMap((cookie, i) =>
    world.nodes.map(async (node) => {
      for (;;) {
        const status = await statusOf(node, '/app', { cookie })
        if (status === 200) return []
        // 503 says nothing about the session: on a busy machine, Redis may answer too late.
        const isUnanswered = status === 0 || status >= 500
        if (!isUnanswered || performance.now() > deadline) return [`session ${i} at ${node.name}: ${status}`]
        await sleep(150)
      }
    }),
  )
  return (await Promise.all(tries)).flat()
}

function checksOf(load: ChaosLoad): HealthCheck[] {
  const { world } = load
  const known = bearer(load.knownTokens[0]!)
  const ofNodes = world.nodes.flatMap((node): HealthCheck[] => [
    { name: `readyz of ${node.name}`, check: async () => (await world.admin(node, '/readyz')).ok },
    { name: `a known user at ${node.name}`, check: async () => (await statusOf(node, '/orders', known)) === 200 },
    { name: `a new opaque token at ${node.name}`, check: () => admitsOpaque(node) },
    {
      name: `the limit at ${node.name}`,
      check: async () => [200, 429].includes(await statusOf(node, '/exact', known)),
    },
    ...load.sessions.map((cookie, i) => ({
      name: `session ${i} at ${node.name}`,
      check: async () => (await statusOf(node, '/app', { cookie })) === 200,
    })),
    { name: `an event stream at ${node.name}`, check: () => streams(node, load.knownTokens[0]!, openEvents) },
    { name: `a WebSocket at ${node.name}`, check: () => streams(node, load.knownTokens[0]!, openWebSocket) },
    { name: `a revocation at ${node.name}`, check: () => revokes(load, node) },
  ])
  return ofNodes
}

function admitsOpaque(node: WorldNode): Promise<boolean> {
  return statusOf(node, '/orders', bearer(`opaque.probe-${++probes}.of-the-chaos-matrix`)).then(
    (status) => status === 200,
  )
}

async function streams(node: WorldNode, token: string, open: typeof openEvents): Promise<boolean> {
  const stream = open(node, token)
  try {
    for (let waits = 0; waits < 20 && stream.isOpen() && stream.received() === 0; waits++) await sleep(100)
    return stream.received() > 0
  } finally {
    stream.close()
  }
}

/** Whether a revocation gets a receipt that names every node. */
async function revokes({ world }: ChaosLoad, node: WorldNode): Promise<boolean> {
  const body = JSON.stringify({ kind: 'jti', id: `probe-${++probes}` })
  return (await world.admin(node, '/api/v1/revocations?wait=all', { method: 'POST', body })).status === 200
}

async function statusOf(node: WorldNode, route: string, headers: Readonly<Record<string, string>>): Promise<number> {
  try {
    const url = `http://127.0.0.1:${node.clients.port}${route}/${node.name}/probe-${++probes}`
    const reply = await request(url, { headers, signal: AbortSignal.timeout(4000), reset: true })
    await reply.body.dump()
    return reply.statusCode
  } catch {
    return 0
  }
}
