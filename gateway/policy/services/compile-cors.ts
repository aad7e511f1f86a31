import type { HeaderField } from '../../base/denial.ts'
import { withHead } from '../../base/methods.ts'
import type { RouteCors } from '../snapshot.ts'
import type { CorsEntry } from './cors-entry.ts'

/**
 * Response fields of the gate that pages of allowed origins can always read: the reason for a refusal, the nonce for the
 * next DPoP proof, when to retry, rate limits, and the request id.
 */
const ownFields = ['www-authenticate', 'dpop-nonce', 'retry-after', 'ratelimit', 'ratelimit-policy', 'x-request-id']

/**
 * Precomputes the CORS fields (Fetch §3.2) for each allowed origin.
 *
 * @param methods  methods of the route
 * @returns `undefined` without a CORS policy: the service can then set its own CORS fields. An empty origin list allows
 *   no origin
 */
export function compileCors(entry: CorsEntry | undefined, methods: ReadonlySet<string>): RouteCors | undefined {
  if (entry === undefined) return undefined
  const listed = withHead(entry.methods ?? [...methods])
  const asked = new Set([...methods].filter((method) => listed.has(method)))
  const credentials: HeaderField[] = entry.credentials ? [['access-control-allow-credentials', 'true']] : []
  const allowed = (origin: string): HeaderField[] => [['access-control-allow-origin', origin], ...credentials]
  const vary: HeaderField = ['vary', 'origin']
  const replyFields: HeaderField[] = [
    ['access-control-expose-headers', [...ownFields, ...lowered(entry.expose)].join(', ')],
    vary,
  ]
  const preflightFields: HeaderField[] = [
    ['access-control-allow-methods', [...asked].join(', ')],
    ['access-control-allow-headers', lowered(entry.headers).join(', ')],
    ['access-control-max-age', String(Math.floor(entry.max_age / 1000))],
    vary,
  ]
  const byOrigin = (fields: readonly HeaderField[]) =>
    new Map(entry.origins.map((origin) => [origin, [...allowed(origin), ...fields]]))
  return Object.freeze({
    methods: asked,
    preflights: byOrigin(preflightFields),
    replies: byOrigin(replyFields),
    otherReplies: [vary],
  })
}

function lowered(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase())
}
