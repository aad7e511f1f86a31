import type { IssuerKeys } from '../issuers/issuer-keys.ts'
import type { LimitService } from '../limits/limit-service.ts'
import { sessionCookieOf } from '../login/browser-request.ts'
import type { Gate } from '../pipeline/gate.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { type DryRunOutcome, dryRun } from './dry-run.ts'
import { type AskedGate, type AskedRequest, buildDryRunRequest, InvalidRequest } from './dry-run-request.ts'
import { explanationOf } from './explain-outcome.ts'
import { soleSession, withSessionCookie } from './explained-session.ts'
import type { Explanation } from './explanation.ts'

interface NodeExplainerDependencies {
  readonly gate: Gate
  readonly issuerKeys: Pick<IssuerKeys, 'keySetOf'>
  readonly limits: Pick<LimitService, 'count'>
  /** Login sessions of the node; `undefined` when the node stores no sessions. */
  readonly sessions: Pick<Sessions, 'byId'> | undefined
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

  /**
   * Explains the decision of this node on a request.
   *
   * @param sessionId  id of the login session of the request; `undefined`: the request has no session
   * @throws {InvalidRequest} when a part of the request is invalid
   * @throws {RedisFault} when the session cannot be looked up
   */
  async explain(asked: Omit<AskedRequest, 'nowMs'>, sessionId?: string): Promise<Explanation> {
    const { gate, issuerKeys, limits, tokenMaxBytes, acceptsHttp2 } = this.#dependencies
    const own = { origin: gate.publicUrls.primary, acceptsHttp2 }
    const request = buildDryRunRequest({ ...asked, nowMs: Date.now() }, own)
    const outcome = await (sessionId === undefined ? dryRun(gate, request) : this.#dryRunOf(asked, own, sessionId))
    return explanationOf(outcome, {
      node: gate.node,
      tokenMaxBytes,
      checksSignatures: true,
      ignoredKeys: (rules) => issuerKeys.keySetOf(rules).ignored,
      count: (rule, identity) => limits.count(rule, identity),
    })
  }

  async #dryRunOf(asked: Omit<AskedRequest, 'nowMs'>, own: AskedGate, sessionId: string): Promise<DryRunOutcome> {
    const { gate, sessions } = this.#dependencies
    if (asked.token !== undefined) {
      throw new InvalidRequest('session', 'a request has a session or a token; leave one of them out')
    }
    const session = await sessions?.byId(sessionId)
    if (session === undefined || gate.sessions === undefined) {
      throw new InvalidRequest('session', 'no session has this id; gatehouse sessions list has the ids')
    }
    const { publicUrl } = buildDryRunRequest({ ...asked, nowMs: Date.now() }, own)
    const fields = withSessionCookie(asked.fields, sessionCookieOf(publicUrl).name)
    const request = buildDryRunRequest({ ...asked, fields, nowMs: Date.now() }, own)
    return dryRun(gate, request, { sessions: soleSession(session, gate.sessions) })
  }
}
