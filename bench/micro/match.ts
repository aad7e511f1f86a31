import { compilePolicy } from '../../gateway/policy/compile.ts'
import { readPolicy } from '../../gateway/policy/policy-source.ts'
import type { Snapshot } from '../../gateway/policy/snapshot.ts'
import { formatSpread, spread } from '../harness/statistics.ts'

/**
 * Measures how long the gate takes to read and compile a policy with many routes, and to match a request. Run: `node
 * bench/micro/match.ts`.
 */

const ROUTES = [10, 10_000]
const ROUTES_PER_SERVICE = 100
const ROUNDS = 9
const MATCHES_PER_ROUND = 200_000

interface Look {
  readonly host: string
  readonly path: string
  readonly method: string
}

/** Policy files of typical services: collections, items, parts of items, and a wildcard below each. */
function policyTexts(routes: number): string[] {
  const texts = ['version: 1\nissuers: { main: { issuer: "https://idp.test", audience: [a] } }\n']
  for (let first = 0; first < routes; first += ROUTES_PER_SERVICE) {
    const id = `service-${first / ROUTES_PER_SERVICE}`
    const count = Math.min(ROUTES_PER_SERVICE, routes - first)
    const list = Array.from({ length: count }, (_, i) => routeOf(id, i))
    texts.push(`version: 1\nservices: ${JSON.stringify({ [id]: { upstreams: ['http://s.test'], routes: list } })}\n`)
  }
  return texts
}

function routeOf(service: string, i: number): object {
  const path = [`/${service}/c${i}`, `/${service}/c${i}/*`, `/${service}/c${i}/*/parts/*`, `/${service}/c${i}/**`][
    i % 4
  ]
  const match = { host: 'api.test', path, methods: ['GET', 'POST'] }
  return { id: `${service}.${i}`, match, require: { scopes: { all: [`${service}:read`] } } }
}

/** One request for each route, and as many requests that match no route. */
function looks(routes: number): Look[] {
  return Array.from({ length: 1024 }, (_, n) => {
    const at = Math.floor((n * routes) / 1024)
    const [service, i] = [`service-${Math.floor(at / ROUTES_PER_SERVICE)}`, at % ROUTES_PER_SERVICE]
    const tail = ['', '/4711', '/4711/parts/7', '/4711/any/thing/else'][i % 4]!
    return { host: 'api.test', path: `/${service}/${n % 2 === 0 ? 'c' : 'x'}${i}${tail}`, method: 'GET' }
  })
}

function compile(texts: readonly string[]): { snapshot: Snapshot; readMs: number; compileMs: number } {
  const started = performance.now()
  const source = readPolicy(texts.map((text, i) => ({ file: `${i}.yaml`, bytes: Buffer.from(text) })))
  const read = performance.now()
  const snapshot = compilePolicy(source)
  return { snapshot, readMs: read - started, compileMs: performance.now() - read }
}

/**
 * Measures how long a match takes.
 *
 * @returns nanoseconds per match
 */
function matchNs(snapshot: Snapshot, requests: readonly Look[]): number {
  const started = performance.now()
  let found = 0
  for (let n = 0; n < MATCHES_PER_ROUND; n++) {
    const { host, path, method } = requests[n & 1023]!
    if ('requirement' in snapshot.match(host, path, method)) found++
  }
  const ns = ((performance.now() - started) * 1e6) / MATCHES_PER_ROUND
  if (found !== MATCHES_PER_ROUND / 2) throw new Error(`${found} of ${MATCHES_PER_ROUND} matched, not half of them`)
  return ns
}

console.log('ROUTES  READ MS  COMPILE MS  MATCH NS')
for (const routes of ROUTES) {
  const texts = policyTexts(routes)
  compile(texts)
  const { snapshot, readMs, compileMs } = compile(texts)
  const requests = looks(routes)
  matchNs(snapshot, requests)
  const ns = spread(Array.from({ length: ROUNDS }, () => matchNs(snapshot, requests)))
  const cells = [String(routes), readMs.toFixed(1), compileMs.toFixed(1), formatSpread(ns)]
  console.log(
    cells.map((cell, i) => cell.padStart(['ROUTES', 'READ MS', 'COMPILE MS', 'MATCH NS'][i]!.length)).join('  '),
  )
}
