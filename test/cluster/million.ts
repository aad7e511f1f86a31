import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from '../../deploy/redis-server.ts'
import { Cluster } from '../../gateway/cluster/cluster.ts'
import { neverIntrospected, noRevocationLookup, noTexts, type TokenFacts } from '../../gateway/oauth/token-facts.ts'
import { RedisLink } from '../../gateway/redis/redis-link.ts'
import { writeRecord } from '../../gateway/revocation/record.ts'
import { RevocationStore } from '../../gateway/revocation/revocation-store.ts'
import { Revocations } from '../../gateway/revocation/revocations.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { freePort } from '../kit/ports.ts'

/*
 * Measures the cost of a million revocations: memory of Redis, time and memory of a joining node, and time of a lookup.
 *
 *   node_modules/.bin/node --expose-gc test/cluster/million.ts [COUNT]
 */

const count = Number(process.argv[2] ?? 1_000_000)
const nowS = Math.floor(Date.now() / 1000)
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-million-'))
const port = freePort()
const redis = await startRedis({ folder, port })
const settings = {
  place: { topology: 'standalone', server: { host: '127.0.0.1', port }, database: 0 },
  tls: undefined,
  username: undefined,
  password: undefined,
  prefix: 'gh:',
} as const

const silent = (): void => undefined

async function connected(): Promise<RedisLink> {
  const link = new RedisLink(settings, silent)
  while (!link.store.ready) await new Promise((resolve) => setTimeout(resolve, 10))
  return link
}

async function ready(client: { readonly ready: boolean }): Promise<void> {
  while (!client.ready) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function usedMemory(link: RedisLink): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(String(await link.store.call('INFO', 'memory')))![1])
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const link = await connected()
await link.store.call('SET', link.keys.epoch, 'first')
const before = await usedMemory(link)
const writer = link.client('receipt', 'writer')
await ready(writer)
const store = new RevocationStore(writer, link.keys)
const batch = 20_000
const writtenAt = performance.now()
for (let done = 0; done < count; done += batch) {
  // Spreads the expiry times of the revocations over a day.
  const records = Array.from({ length: Math.min(batch, count - done) }, (_, i) =>
    writeRecord(randomBytes(16), nowS, nowS + 60 + (((done + i) * 7919) % 86_000)),
  )
  await store.restore(Buffer.concat(records), nowS)
}
const written = performance.now() - writtenAt
await link.store.call('XTRIM', link.keys.events, 'MAXLEN', 0)
const after = await usedMemory(link)
console.log(
  `written in ${Math.round(written)} ms; Redis holds ${mb(after - before)} (${Math.round((after - before) / count)} bytes each)`,
)

globalThis.gc?.()
const rssBefore = process.memoryUsage()
const cpuBefore = process.cpuUsage()
const joinedAt = performance.now()
const client = link.client('receipt', 'cluster')
const cluster = new Cluster({
  link,
  client,
  node: { id: 'n1', address: '127.0.0.1:0', version: '0' },
  revision: () => '',
  boundMs: () => 10_000,
  epochFile: undefined,
  log: silent,
  onFatal: (error) => {
    throw error
  },
})
const revocations = new Revocations({
  store: new RevocationStore(client, link.keys),
  freshness: cluster.freshness,
  maxStalenessMs: 10_000,
  nowMs: () => cluster.agreedMs,
})
cluster.register(revocations)
cluster.start()
while (!cluster.caughtUp) await new Promise((resolve) => setTimeout(resolve, 5))
const joined = performance.now() - joinedAt
const { user, system } = process.cpuUsage(cpuBefore)
globalThis.gc?.()
const rssAfter = process.memoryUsage()
console.log(
  `joined in ${Math.round(joined)} ms (${Math.round((user + system) / 1000)} ms CPU); ${revocations.size} entries in ` +
    `${mb(revocations.bytes)}, buffers of the process +${mb(rssAfter.arrayBuffers - rssBefore.arrayBuffers)}, RSS +${mb(rssAfter.rss - rssBefore.rss)}`,
)

const facts: TokenFacts = {
  issuer: rulesFor('https://issuer.example'),
  key: { live: true },
  introspection: neverIntrospected,
  subject: 'alice',
  client: 'reader',
  audience: [],
  scopes: new Set(),
  issuedAtS: nowS,
  expiresAtS: nowS + 300,
  tokenId: 'jti-1',
  sessionId: 'sid-1',
  acr: undefined,
  confirmation: undefined,
  claims: {},
  derived: [],
  revocation: noRevocationLookup(),
  texts: noTexts(),
}
const token = `${'h'.repeat(100)}.${'p'.repeat(400)}.${'s'.repeat(86)}`
const rounds = 1_000_000
let found = 0

function measured(what: string, work: () => boolean): void {
  for (let i = 0; i < 100_000; i++) if (work()) found += 1
  const start = process.hrtime.bigint()
  for (let i = 0; i < rounds; i++) if (work()) found += 1
  console.log(`${what}: ${(Number(process.hrtime.bigint() - start) / rounds).toFixed(1)} ns`)
}

measured('check of a token without a change', () => revocations.revoked(facts, token) || revocations.stale(0))
measured('check of a token, after a change (6 lookups)', () => {
  facts.revocation.seen = 0
  return revocations.revoked(facts, token) || revocations.stale(0)
})
measured('check of a token after a change, without the staleness check', () => {
  facts.revocation.seen = 0
  return revocations.revoked(facts, token)
})
if (found > 0) console.log(`${found} false hits: the token is not revoked`)

revocations.close()
await cluster.close()
await link.close()
await redis.stop()
rmSync(folder, { recursive: true, force: true })
