import { setTimeout as sleep } from 'node:timers/promises'
import { bearer, type LoadClient } from './load-client.ts'
import { type LoadStream, openEvents, openWebSocket } from './load-streams.ts'
import type { ChaosWorld, WorldNode } from './world.ts'

/** Number of requests at each node after the receipt. */
const TRIES = 3
const TRY_PAUSE_MS = 150

interface ReceiptReply {
  readonly acknowledged: readonly { readonly node: string }[]
  readonly missing: readonly string[]
  readonly fenced_by: string
}

/**
 * Uses a token at every node, revokes it, and tests that the nodes that the receipt names reject it, and every node
 * after `fenced_by`. Every second victim also has an open stream.
 */
export async function runVictim(world: ChaosWorld, client: LoadClient, number: number, at: WorldNode): Promise<void> {
  const { evidence } = client
  const subject = `victim-${number}`
  const token = world.sign({ sub: subject })
  for (const node of world.nodes) await client.call({ node, kind: 'orders', subject, headers: bearer(token) })
  const host = world.nodes[number % world.nodes.length]!
  const stream = number % 2 === 0 ? (number % 4 === 0 ? openEvents : openWebSocket)(host, token) : undefined
  if (stream !== undefined) await sleep(300)
  try {
    const orders = [
      { kind: 'subject', id: subject },
      { kind: 'token', token },
    ] as const
    const receipt = await revoke(world, at, orders[number % 3 === 0 ? 1 : 0])
    const receivedMs = Date.now()
    if (receipt === undefined) {
      evidence.receipts.none++
      return
    }
    evidence.receipts[receipt.missing.length === 0 ? 'complete' : 'partial']++
    const names = new Set(receipt.acknowledged.map(({ node }) => node))
    const rejects = world.nodes.filter(({ name }) => names.has(name))
    await tryAfter(client, rejects, { subject, token, why: `revoked, acknowledged at ${receivedMs}` })
    if (stream !== undefined && names.has(host.name)) checkStream(world, client, { stream, host, receivedMs })
    await fenced(world, client, { at, receipt, subject, token })
  } finally {
    stream?.close()
  }
}

async function revoke(world: ChaosWorld, node: WorldNode, order: object): Promise<ReceiptReply | undefined> {
  try {
    const body = JSON.stringify(order)
    const reply = await world.admin(node, '/api/v1/revocations?wait=all', { method: 'POST', body })
    return reply.ok ? ((await reply.json()) as ReceiptReply) : undefined
  } catch {
    return undefined
  }
}

interface Revoked {
  readonly subject: string
  readonly token: string
  readonly why: string
}

async function tryAfter(client: LoadClient, nodes: readonly WorldNode[], { subject, token, why }: Revoked) {
  for (let tries = 0; tries < TRIES; tries++) {
    const call = { kind: 'revoked', route: 'orders', subject, headers: bearer(token), forbidden: why }
    await Promise.all(nodes.map((node) => client.call({ node, ...call })))
    await sleep(TRY_PAUSE_MS)
  }
}

interface RevokedStream {
  readonly stream: LoadStream
  readonly host: WorldNode
  readonly receivedMs: number
}

/** Messages that were sent after the receipt arrived must not have been relayed, in either direction. */
function checkStream(world: ChaosWorld, { evidence }: LoadClient, { stream, host, receivedMs }: RevokedStream): void {
  const { path } = stream
  const toService = world.ledger.lastMessageMs.get(path) ?? 0
  for (const [direction, sentMs] of [
    ['to the client', stream.newestMs()],
    ['to the service', toService],
  ] as const) {
    if (sentMs > receivedMs) {
      const what = `${path}: a message ${direction}, sent ${sentMs - receivedMs} ms after the receipt`
      evidence.forbiddenMessages.push({ node: host.name, what })
    }
  }
}

interface FencedRevocation {
  readonly at: WorldNode
  readonly receipt: ReceiptReply
  readonly subject: string
  readonly token: string
}

/** Tries the token at every node after `fenced_by`, which the clock of the node that wrote the receipt determines. */
async function fenced(world: ChaosWorld, client: LoadClient, { at, receipt, subject, token }: FencedRevocation) {
  if (receipt.missing.length === 0 || (world.clockShiftMs.get(at.name) ?? 0) !== 0) return
  const waitMs = Date.parse(receipt.fenced_by) - Date.now()
  if (waitMs > 15_000) return
  await sleep(Math.max(0, waitMs) + 20)
  await tryAfter(client, world.nodes, { subject, token, why: `revoked, fenced by ${receipt.fenced_by}` })
}
