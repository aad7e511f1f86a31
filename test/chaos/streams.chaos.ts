import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { HttpBrowser } from '../kit/http-browser.ts'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { logIn, loginNode } from '../kit/login-gate.ts'
import { startLoginProvider } from '../kit/login-provider.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { introspectionSecret } from '../kit/opaque-gate.ts'
import { freePorts } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { openRaw, RawService, type RawStream, rawKinds } from './raw-streams.ts'

// Thousands of streams over three nodes with one Redis: a third WebSockets, a third event streams, a third downloads.
// The authority of one subject ends, by each cause. All streams of the subject end, and no other.
//
//   npm run chaos -- streams.chaos                     6,000 streams (about 100 s)
//   CHAOS_STREAMS=600 npm run chaos -- streams.chaos   fewer

const STREAMS = Number(process.env['CHAOS_STREAMS'] ?? 6000)
/** Subjects with the same number of streams. One subject after the other is revoked. */
const SUBJECTS = 40
const REVOKED = 20
const PER_SUBJECT = Math.max(9, Math.floor(STREAMS / SUBJECTS))
/** Number of streams of the subject for each of the other causes. */
const PER_CAUSE = 90
const BATCH = 100

const bootstrap = `bootstrap-${randomBytes(24).toString('base64url')}`
const ports = freePorts(3)
const url = `http://127.0.0.1:${ports[0]}`
const host = new URL(url).host
const [redis, issuer, opaque, service] = await Promise.all([
  testRedis(),
  startIssuer(),
  startIntrospectionIssuer(),
  RawService.start(),
])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const provider = await startLoginProvider({ gate: url })

const tokenOf = (sub: string, claims: object = {}): string =>
  issuer.sign({ claims: { sub, scope: 'live more', ...claims } })
/** A token of a key that the issuer publishes at first, and later withdraws. */
const withdrawn = tokenOf('withdrawn')
const oldKey = issuer.key
issuer.rotate()

/** @param scope  scope that a token needs */
function policyOf(scope: string): object {
  const { policy } = loginNode({
    issuer: provider.url,
    orders: service.url,
    redisPort: redis.port,
    port: ports[0]!,
    routes: [
      {
        id: 'live',
        match: { path: '/live/**' },
        require: { any: [{ session: 'main' }, { scopes: { all: [scope] } }] },
        websocket: {},
      },
    ],
  }) as { policy: { issuers: object; services: { orders: object } } }
  Object.assign(policy.issuers, {
    tokens: { issuer: issuer.url, audience: [testAudience], clock_tolerance: '0s' },
    opaque: {
      issuer: opaque.url,
      audience: [testAudience],
      tokens: 'opaque',
      introspection: {
        client_id: 'gatehouse',
        client_secret: { env: 'TEST_INTROSPECTION_SECRET' },
        timeout: '10s',
        cache: '1s',
        stale: '0s',
      },
    },
  })
  Object.assign(policy.services.orders, { issuers: ['main', 'tokens', 'opaque'], max_calls: 20_000 })
  return policy
}

const nodes = await Promise.all(
  ports.map((port, i) => {
    const options = loginNode({
      issuer: provider.url,
      orders: service.url,
      redisPort: redis.port,
      port,
      settings: {
        node: { id: `n${i + 1}` },
        public_url: url,
        admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
        streams: { max_per_address: 50_000 },
        log: { access: false },
      },
    })
    const env = { ...options.env, BOOTSTRAP: bootstrap, TEST_INTROSPECTION_SECRET: introspectionSecret }
    return startNode({ ...options, policy: policyOf('live'), env })
  }),
)

const bearer = (token: string): string[] => [`Host: ${host}`, `Authorization: Bearer ${token}`]

/** Opens streams of all kinds at all nodes. */
async function open(count: number, fields: readonly string[]): Promise<RawStream[]> {
  const streams: RawStream[] = []
  for (let i = 0; i < count; i += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - i) }, (_, n) => {
      const at = i + n
      return openRaw(nodes[at % nodes.length]!.port, rawKinds[Math.floor(at / nodes.length) % rawKinds.length]!, fields)
    })
    streams.push(...(await Promise.all(batch)))
  }
  return streams
}

const others: RawStream[] = []

/** Waits until all these streams have ended as streams end. @returns times of their ends since `startedAt`, sorted, ms */
async function endsOf(streams: readonly RawStream[], startedAt: number, code: number): Promise<number[]> {
  await until('all streams of the subject end', () => streams.every(({ endedAt }) => endedAt !== undefined), 60_000)
  for (const { kind, ending } of streams) {
    expect(ending).toBe(kind === 'websocket' ? code : kind === 'events' ? 'complete' : 'broken')
  }
  expect(others.filter(({ endedAt }) => endedAt !== undefined)).toEqual([])
  return streams.map(({ endedAt }) => endedAt! - startedAt).sort((a, b) => a - b)
}

const figures: Record<string, object> = {}

function note(cause: string, times: readonly number[]): void {
  const at = (share: number): number => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]!)
  figures[cause] = { streams: times.length, p50_ms: at(0.5), p99_ms: at(0.99), last_ms: at(1) }
}

async function revoke(sub: string): Promise<readonly string[]> {
  const reply = await fetch(`http://127.0.0.1:${nodes[0]!.adminPort}/api/v1/revocations?wait=all`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bootstrap}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'subject', id: sub, issuer: 'tokens' }),
  })
  const document = (await reply.json()) as { missing: readonly string[] }
  if (!reply.ok) throw new Error(JSON.stringify(document))
  return document.missing
}

test(`with ${STREAMS} streams over 3 nodes, all streams of a subject end when the subject loses its access, and no other streams end`, async () => {
  const bySubject = new Map<string, RawStream[]>()
  const openedAt = performance.now()
  for (let i = 0; i < SUBJECTS; i++) {
    const sub = `subject-${i}`
    const streams = await open(PER_SUBJECT, bearer(tokenOf(sub)))
    bySubject.set(sub, streams)
    others.push(...streams)
  }
  const openMs = performance.now() - openedAt
  console.log({ streams: others.length, openedPerS: Math.round(others.length / (openMs / 1000)) })

  const all: number[] = []
  for (const [sub, streams] of [...bySubject].slice(0, REVOKED)) {
    const mine = new Set(streams)
    others.splice(0, others.length, ...others.filter((stream) => !mine.has(stream)))
    const startedAt = performance.now()
    expect(await revoke(sub)).toEqual([])
    all.push(...(await endsOf(streams, startedAt, 4401)))
  }
  note(
    'revoked',
    all.sort((a, b) => a - b),
  )

  const expMs = Math.ceil(Date.now() / 1000) * 1000 + 8000
  const expiring = await open(PER_CAUSE, bearer(tokenOf('expiring', { exp: expMs / 1000 })))
  note('exp', await endsOf(expiring, performance.now() + expMs - Date.now(), 4401))

  const browser = new HttpBrowser()
  expect((await logIn(browser, `${url}/app/1`)).status).toBe(200)
  const session = await open(PER_CAUSE, [
    `Host: ${host}`,
    `Origin: ${url}`,
    `Cookie: ${browser.gateCookies.join('; ')}`,
  ])
  const logoutAt = performance.now()
  await browser.visit(`${url}/.gatehouse/logout`, { method: 'POST', headers: { origin: url }, redirects: 0 })
  note('logout', await endsOf(session, logoutAt, 4401))

  const asked = await open(PER_CAUSE, bearer(opaque.issue({ sub: 'inactive', scope: 'live more' }, 'opaque-token-1')))
  const inactiveAt = performance.now()
  opaque.revoke('opaque-token-1')
  note('inactive, with introspection.cache 1s', await endsOf(asked, inactiveAt, 4401))

  const weak = await open(PER_CAUSE, bearer(tokenOf('weak', { scope: 'live' })))
  const signed = await open(PER_CAUSE, bearer(withdrawn))
  others.push(...signed)
  const swapped = await Promise.all(nodes.map((node) => swap(node, policyOf('more')).then(() => performance.now())))
  note('policy, from the last node that changed it', await endsOf(weak, Math.max(...swapped), 4403))

  others.splice(others.length - signed.length)
  issuer.drop(oldKey)
  const stranger = requestBytes({ target: '/live/none', host, token: issuer.sign({ header: { kid: 'unknown' } }) })
  let fetchedAt = 0
  let fetches = issuer.fetches.keys
  await until(
    'the withdrawn key ends its streams',
    async () => {
      // A token with an unknown key makes a node fetch the keys again, at most every 30 s.
      await Promise.all(nodes.map((node) => request(node.port, stranger)))
      if (issuer.fetches.keys > fetches) {
        fetches = issuer.fetches.keys
        fetchedAt = performance.now()
      }
      return signed.every(({ endedAt }) => endedAt !== undefined)
    },
    120_000,
  )
  note('key withdrawn, from the last fetch of the keys (25 ms precise)', await endsOf(signed, fetchedAt, 4401))

  const alive = others.length
  const before = others.reduce((sum, { bytes }) => sum + bytes, 0)
  service.sendToAll('still here')
  await until('the other streams still relay', () => {
    const after = others.reduce((sum, { bytes }) => sum + bytes, 0)
    return after - before >= alive * 'still here'.length
  })
  console.table(figures)
  for (const stream of others) stream.close()
})
