// A process with those rooms of a node (folders of gateway/) that login sessions need, without a listener or a
// pipeline. session-node.ts starts the process and sends orders to it as messages.

import { GatewayFault } from '../../gateway/base/fault.ts'
import { openCluster } from '../../gateway/cluster/open-cluster.ts'
import { KeyRings } from '../../gateway/config/key-rings.ts'
import { loadSettings } from '../../gateway/config/settings.ts'
import { PolicyFile } from '../../gateway/policy/policy-file.ts'
import { openRevocation } from '../../gateway/revocation/open-revocation.ts'
import { openSessions } from '../../gateway/sessions/open-sessions.ts'
import type { Session, SessionTokens } from '../../gateway/sessions/session.ts'
import { LineWriter } from '../../gateway/telemetry/line-writer.ts'
import { NodeLog } from '../../gateway/telemetry/node-log.ts'
import type { Answer, Order, Step } from './session-node.ts'

const [config, tokenUrl, credentials, leaseMs] = process.argv.slice(2) as [string, string, string, string]
const settings = loadSettings({ path: config, env: process.env, flags: {} })
const lines = new LineWriter(1)
const log = new NodeLog(lines, { ...settings.log, node: settings.node.id })
const snapshot = new PolicyFile((settings.policy as { readonly path: string }).path).load()
let stopAt: Step | undefined

/** Origin at which the processes present cookies. */
const ORIGIN = 'http://127.0.0.1:8080'
const keyRings = new KeyRings(settings.keys)
const common = { settings, keyRings, log: log.log.bind(log), issuers: () => snapshot.issuers }
const cluster = openCluster({
  ...common,
  redis: settings.redis!,
  revision: () => snapshot.revision,
  staleMs: () => snapshot.revocationStaleMs,
  onFatal: (error) => setImmediate(() => Promise.reject(error)),
})
const askClaims = async () => ({ none: 'this issuer has no UserInfo endpoint' })
const revocation = openRevocation({ ...common, cluster, identify: undefined })
const sessionsRoom = openSessions({ ...common, cluster, revocation, trade, askClaims, leaseMs: Number(leaseMs) })
sessionsRoom.prepare(snapshot.issuers.values())()
cluster.cluster.start()
const sessions = sessionsRoom.sessions!

process.on('message', (order: Order) => {
  obey(order).then(
    (value) => process.send?.({ id: order.id, value } satisfies Answer),
    (error) => process.send?.({ id: order.id, error: reasonOf(error) } satisfies Answer),
  )
})
process.on('disconnect', () => process.exit(0))
while (!cluster.cluster.caughtUp || !cluster.link.store.ready) await new Promise((resolve) => setTimeout(resolve, 10))
process.send?.({ id: 0, value: 'ready' } satisfies Answer)

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case 'create':
      return sessions.create(order.input)
    case 'use':
      return Promise.all(Array.from({ length: order.times }, () => use(order.cookie)))
    case 'replace':
      return sessions.replace(sessions.idOf(order.cookie, ORIGIN)!, order.input)
    case 'end':
      return sessions.end(order.selector, 'a test', { wait: 'all', durable: false })
    case 'list':
      return sessions.list(order.selector)
    case 'stop-at':
      stopAt = order.step
      return undefined
    case 'counts':
      return { ...sessions.refreshes, held: sessions.cached }
    case 'close':
      for (const room of [sessionsRoom, revocation, cluster]) await room.close()
      return undefined
  }
}

/** Uses a session as an exchange does: finds it, and refreshes it when needed. */
async function use(cookie: string): Promise<object | string> {
  try {
    const session = await sessions.find(cookie, ORIGIN)
    if (session === undefined) return 'none'
    const fresh = await sessions.fresh(session)
    if (fresh === undefined) return 'over'
    return shownOf(fresh)
  } catch (error) {
    return reasonOf(error)
  }
}

function shownOf({ id, version, subject, tokens }: Session): object {
  return { id, version, subject, accessToken: tokens.accessToken, accessExpiresAtS: tokens.accessExpiresAtS }
}

async function trade({ tokens }: Session): Promise<SessionTokens | 'invalid_grant'> {
  await step('leased')
  let reply: Response
  try {
    reply = await fetch(tokenUrl, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(credentials)}` },
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: tokens.refreshToken! }),
      signal: AbortSignal.timeout(30_000),
    })
  } catch (error) {
    throw new GatewayFault('issuer-unreachable', 'issuer', String(error))
  }
  const answer = (await reply.json().catch(() => ({}))) as Record<string, string | number | undefined>
  if (answer['error'] === 'invalid_grant') return 'invalid_grant'
  if (reply.status !== 200) throw new GatewayFault('issuer-unreachable', 'issuer', `status ${reply.status}`)
  await step('answered')
  return {
    accessToken: String(answer['access_token']),
    refreshToken: answer['refresh_token'] as string | undefined,
    idToken: answer['id_token'] as string | undefined,
    accessExpiresAtS: Math.floor(Date.now() / 1000) + Number(answer['expires_in']),
    scope: answer['scope'] as string | undefined,
  }
}

/** Reports that a refresh has reached the step `at`, and stops the refresh there until the process is killed. */
async function step(at: Step): Promise<void> {
  if (stopAt !== at) return
  process.send?.({ id: 0, value: at } satisfies Answer)
  await new Promise(() => {})
}

function reasonOf(error: unknown): string {
  return error instanceof GatewayFault ? error.reason : String(error)
}
