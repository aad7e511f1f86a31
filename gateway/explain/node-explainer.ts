import type { IssuerKeys } from '../issuers/issuer-keys.ts'
import type { LimitService } from '../limits/limit-service.ts'
import type { Gate } from '../pipeline/gate.ts'
import { dryRun } from './dry-run.ts'
import { type AskedRequest, buildDryRunRequest } from './dry-run-request.ts'
import { type Explanation, explanationOf } from './explanation.ts'

interface NodeExplainerDependencies {
  readonly gate: Gate
  readonly issuerKeys: Pick<IssuerKeys, 'keySetOf'>
  readonly limits: Pick<LimitService, 'count'>
  readonly tokenMaxBytes: number
  /** True when the node accepts HTTP/2 (`listen_h2`). */
  readonly acceptsHttp2: boolean
}

/**
 * Explains requests with the data of a running node: its active policy, the issuers' keys and introspection responses,
 * the revocations and the limit counts.
 */
export class NodeExplainer {
  readonly #dependencies: NodeExplainerDependencies

  constructor(dependencies: NodeExplainerDependencies) {
    this.#dependencies = dependencies
  }

  /** @throws {InvalidRequest} when a part of the request is invalid */
  async explain(asked: Omit<AskedRequest, 'nowMs'>): Promise<Explanation> {
    const { gate, issuerKeys, limits, tokenMaxBytes, acceptsHttp2 } = this.#dependencies
    const origin = gate.publicUrls.primary
    const request = buildDryRunRequest({ ...asked, nowMs: Date.now() }, { origin, acceptsHttp2 })
    return explanationOf(await dryRun(gate, request), {
      node: gate.node,
      tokenMaxBytes,
      checksSignatures: true,
      ignoredKeys: (rules) => issuerKeys.keySetOf(rules).ignored,
      count: (rule, identity) => limits.count(rule, identity),
    })
  }
}
