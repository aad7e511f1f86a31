import { noTexts, type TokenFacts } from '../../gateway/oauth/token-facts.ts'
import { Exchange } from '../../gateway/pipeline/exchange/exchange.ts'
import { RequestHead } from '../../gateway/pipeline/exchange/request-head.ts'
import type { Gate, Runtime } from '../../gateway/pipeline/gate.ts'
import { auditLine } from '../../gateway/pipeline/records/audit-line.ts'
import type { Route } from '../../gateway/policy/snapshot.ts'

const EXCHANGES = 4096
const SUBJECTS = 1000

/**
 * Returns a function that serialises the nth sample exchange as an audit record, as a node does, but without the id of
 * the record.
 */
export function auditLines(): (n: number) => string {
  const samples = exchanges()
  return (n) => auditLine(samples[n % EXCHANGES]!)
}

/** Sample exchanges of 1,000 subjects on 8 routes with many paths. */
function exchanges(): Exchange[] {
  const snapshot = { revision: '0123456789ab' }
  const runtime = { snapshot } as Runtime
  const gate = { node: 'gate-7f9c', runtime, scheme: 'https' } as Gate
  const routes = Array.from({ length: 8 }, (_, i) => {
    const service = { id: `service-${i >> 1}`, trustTrace: true }
    return { id: `service-${i >> 1}.${i % 2 === 0 ? 'read' : 'write'}`, service, audit: { query: false } } as Route
  })
  const issuer = { issuer: 'https://idp.example', name: 'main' }
  // In a node too, exchanges with the same token share one object with its facts, and exchanges share upstream objects.
  const people = Array.from({ length: SUBJECTS }, (_, n) => {
    return { issuer, subject: `user-${n}`, client: 'web', sessionId: undefined, texts: noTexts() }
  })
  const targets = Array.from({ length: 4 }, (_, n) => ({ origin: `http://10.1.0.${n}:8080` }))
  const nowMs = Date.now()
  return Array.from({ length: EXCHANGES }, (_, i) => {
    const n = (i * 7919) % EXCHANGES
    const names = ['host', 'user-agent', 'accept', 'authorization']
    const agent = `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/14${n % 9}.0.0.0 Safari/537.36`
    const head = new RequestHead('GET', `/orders/${n * 31}`, undefined, names, ['api.example', agent, '*/*', 'x'])
    const downstream = { remoteAddress: Uint8Array.of(10, 0, n >> 8, n & 255), bytesIn: 0, bytesOut: 300 + n }
    const x = new Exchange(gate, head, downstream as unknown as Exchange['downstream'])
    const route = routes[n % 8]!
    const facts = people[n % SUBJECTS]
    const trace = `00-${String(n * 104_729).padStart(32, '0')}-00f067aa0ba902b7-00`
    Object.assign(x, { id: `Xk3-${n.toString(36)}`, path: head.target, route, runtime, status: 200, attempts: 1 })
    Object.assign(x, { facts: facts as unknown as TokenFacts, requestFields: ['traceparent', trace] })
    Object.assign(x, { target: targets[n % 4], nowMs: nowMs + i, authority: 'api.example' })
    Object.assign(x, { forwardedAt: x.startedAt + 0.05, repliedAt: x.startedAt + 1 + (n % 100) / 10 })
    head.host = 'api.example'
    return x
  })
}
