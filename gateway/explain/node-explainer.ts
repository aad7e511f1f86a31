import type { IssuerKeys } from '../issuers/issuer-keys.ts'
import type { LimitDesk } from '../limits/limit-desk.ts'
import type { Gate } from '../pipeline/gate.ts'
import { type Explanation, explanationOf } from './explanation.ts'
import { rehearse } from './rehearsal.ts'
import { type AskedRequest, thoughtRequest } from './thought-request.ts'

interface NodeExplainerParts {
  readonly gate: Gate
  readonly issuerKeys: Pick<IssuerKeys, 'keySetOf'>
  readonly limits: Pick<LimitDesk, 'count'>
  readonly tokenMaxBytes: number
}

/**
 * Explains requests with the data of a running node: its active policy, the keys and answers of the issuers, the
 * revocations and the limit counts.
 */
export class NodeExplainer {
  readonly #parts: NodeExplainerParts

  constructor(parts: NodeExplainerParts) {
    this.#parts = parts
  }

  /** @throws {UnfitRequest} when the input is not a valid request */
  async explain(asked: Omit<AskedRequest, 'nowMs'>): Promise<Explanation> {
    const { gate, issuerKeys, limits, tokenMaxBytes } = this.#parts
    const request = thoughtRequest({ ...asked, nowMs: Date.now() }, gate.publicUrls.primary)
    return explanationOf(await rehearse(gate, request), {
      node: gate.node,
      tokenMaxBytes,
      checksSignatures: true,
      ignoredKeys: (rules) => issuerKeys.keySetOf(rules).ignored,
      count: (rule, identity) => limits.count(rule, identity),
    })
  }
}
