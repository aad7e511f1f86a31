import { ConfigError, type Problem } from '../../../gateway/config/problem.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { type PolicySource, readPolicy } from '../../../gateway/policy/policy-source.ts'
import type { Snapshot } from '../../../gateway/policy/snapshot.ts'

export const mainIssuer = 'issuers: { main: { issuer: "https://idp.test", audience: ["https://api.test"] } }'

export function sourceOf(...texts: readonly string[]): PolicySource {
  return readPolicy(texts.map((text, i) => ({ file: `policy-${i}.yaml`, bytes: Buffer.from(text) })))
}

export function snapshotOf(...texts: readonly string[]): Snapshot {
  return compilePolicy(sourceOf(...texts))
}

/**
 * Returns a policy with one service. `routes` has the `match` of each route by its id. Every route requires the scope
 * `read`.
 */
export function policyOf(routes: Readonly<Record<string, object>>, service: object = {}): string {
  const list = Object.entries(routes).map(([id, match]) => ({ id, match, require: { scopes: { all: ['read'] } } }))
  const services = { orders: { upstreams: ['http://orders.test'], ...service, routes: list } }
  return `version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`
}

/** Returns the problems of the ConfigError that `work` throws; an empty list if it does not throw. */
export function problemsOf(work: () => unknown): readonly Problem[] {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
