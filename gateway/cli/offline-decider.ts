import { type DryRunOutcome, dryRun } from '../explain/dry-run.ts'
import { type AskedGate, type AskedRequest, buildDryRunRequest } from '../explain/dry-run-request.ts'
import { withSessionCookie } from '../explain/explained-session.ts'
import { sessionCookieOf } from '../login/browser-request.ts'
import type { Gate } from '../pipeline/gate.ts'
import type { Snapshot } from '../policy/snapshot.ts'
import { DEFAULT_ORIGIN, defaultSettings, offlineGate } from './offline-gate.ts'
import { onlySession, type StatedCredential, statedSession, statedToken, statedVerifier } from './stated-credential.ts'

const ownGate: AskedGate = { origin: DEFAULT_ORIGIN, acceptsHttp2: true }

/**
 * Maximum number of origins for which a gate is kept in memory. A gate for a further origin replaces the oldest one.
 */
const GATES_MAX = 64

/**
 * Decides hypothetical requests by a policy with the phases of a node, but without a node. The caller gives only the
 * claims of a credential. Calls no issuer and charges no limit.
 */
export class OfflineDecider {
  readonly snapshot: Snapshot
  readonly #verifier = statedVerifier(defaultSettings().request.tokenMaxBytes)
  readonly #gates = new Map<string, Gate>()

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot
  }

  /**
   * Decides one hypothetical request.
   *
   * @throws {InvalidRequest} when the URL or the address is invalid
   */
  async decide(asked: Omit<AskedRequest, 'token'>, credential: StatedCredential | undefined): Promise<DryRunOutcome> {
    const { issuers } = this.snapshot
    const { publicUrl } = buildDryRunRequest(asked, ownGate)
    const gate = await this.#gateOf(publicUrl)
    const token = credential === undefined ? undefined : statedToken(credential.claims, issuers)
    if (credential?.kind !== 'session') {
      return dryRun(gate, buildDryRunRequest({ ...asked, token }, ownGate), { sessions: onlySession(undefined) })
    }
    const session = statedSession(credential.claims, token!, issuers, asked.nowMs)
    const request = buildDryRunRequest(
      { ...asked, fields: withSessionCookie(asked.fields, sessionCookieOf(publicUrl).name) },
      ownGate,
    )
    return dryRun(gate, request, { sessions: onlySession(session) })
  }

  async #gateOf(publicUrl: string): Promise<Gate> {
    const kept = this.#gates.get(publicUrl)
    if (kept !== undefined) return kept
    const gate = await offlineGate(this.snapshot, this.#verifier, publicUrl)
    if (this.#gates.size >= GATES_MAX) this.#gates.delete(this.#gates.keys().next().value!)
    this.#gates.set(publicUrl, gate)
    return gate
  }
}
