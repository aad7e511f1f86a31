import { type DecisionFacts, readDecisionFacts } from '../../audit/decision-facts.ts'
import type { Reason } from '../../base/reasons.ts'
import { type DryRunOutcome, dryRun } from '../../explain/dry-run.ts'
import { type AskedRequest, buildDryRunRequest, InvalidRequest } from '../../explain/dry-run-request.ts'
import { sessionCookieOf } from '../../login/browser-request.ts'
import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../../oauth/token-facts.ts'
import { jsonAnswer } from '../../pipeline/exchange/answer.ts'
import type { Exchange, Limited } from '../../pipeline/exchange/exchange.ts'
import type { Step, Verdict } from '../../pipeline/exchange/steps.ts'
import type { Gate } from '../../pipeline/gate.ts'
import { authenticate } from '../../pipeline/phases/authenticate.ts'
import { authorize } from '../../pipeline/phases/authorize.ts'
import { checkRevocation } from '../../pipeline/phases/check-revocation.ts'
import { consumeProof } from '../../pipeline/phases/consume-proof.ts'
import { provePossession } from '../../pipeline/phases/prove-possession.ts'
import { issuerDigest, roleDigest } from '../../policy/decision-inputs.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import type { AuditLine } from '../audit-record.ts'
import { DEFAULT_ORIGIN, defaultSettings, offlineGate } from '../offline-gate.ts'
import { uncheckedVerifier } from '../offline-verifier.ts'
import { onlySession, statedSession } from '../stated-credential.ts'
import { KnownRoles, knownClaims, type NoteMissing } from './known-facts.ts'
import { credentialPosition, positionOf, recordedDecision } from './recorded-decision.ts'

/** Result of deciding one recorded request by the candidate policy. `undecidable`: the fact that the record lacks. */
export type Replayed =
  | { readonly before: Reason; readonly after: Reason; readonly route: string | undefined }
  | { readonly undecidable: string }
  | { readonly ignored: true }

/** Length above which audit records cut a text, UTF-16 units. */
const WHOLE_MAX = 1024

/** Reasons of the phases whose result is the same under every policy, if the request reaches the phase. */
const fixedReasons: ReadonlySet<Reason> = new Set<Reason>([...checkRevocation.denies, ...provePossession.denies])

/**
 * Reasons that depend on parts of the request which audit records do not contain: its form, its body, its Origin, and
 * the server name of TLS (SNI).
 */
const formReasons: ReadonlySet<Reason> = new Set<Reason>([
  ...(['host-not-served', 'upgrade-unsupported', 'origin-refused', 'body-too-large', 'length-required'] as const),
  ...(['credential-malformed', 'credential-repeated', 'subprotocol-missing', 'cross-site'] as const),
])

/** Reasons for which a browser that opens a page gets a redirect to the login instead of a refusal. */
const loginReasons: ReadonlySet<Reason> = new Set<Reason>([
  ...(['session-missing', 'session-ended', 'session-of-other-issuer', 'authentication-insufficient'] as const),
])

interface RecordedRequest extends Pick<AskedRequest, 'method' | 'url' | 'address'> {
  readonly record: AuditLine
  readonly facts: DecisionFacts
  readonly path: string
}

/**
 * Decides recorded requests by a candidate policy, with the phases of a node. A record that lacks a fact which the
 * candidate examines is undecidable.
 */
export class RecordReplay {
  readonly #snapshot: Snapshot
  readonly #gate: Promise<Gate>

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    const { verifier } = uncheckedVerifier(defaultSettings().request.tokenMaxBytes)
    this.#gate = offlineGate(snapshot, verifier, DEFAULT_ORIGIN)
  }

  async replay(record: AuditLine): Promise<Replayed> {
    const decided = recordedDecision(record)
    if (!('reason' in decided)) return decided
    const request = recordedRequest(record)
    if (typeof request === 'string') return { undecidable: request }
    const { reason: before, position } = decided
    const startMs = Date.parse(String(record['time']))
    const first = await this.#decide(request, startMs)
    if (typeof first === 'string') return { undecidable: first }
    const { exchange, phases } = first
    const lastPosition = positionOf(phases.at(-1))
    const { route } = exchange
    let after = phases.includes(consumeProof.name) ? 'admitted' : exchange.reason
    const verified = request.facts.rules !== undefined && route?.requirement !== undefined
    if (fixedReasons.has(before) && verified && phases.includes(authorize.name)) after = before
    const isPassed = route?.requirement === undefined && position === credentialPosition
    if (formReasons.has(before) && after !== before && lastPosition >= position && !isPassed) {
      return { undecidable: `the form of the request (${before})` }
    }
    if (before === 'login-required' && loginReasons.has(after)) after = before
    // The time of the original decision is not recorded: it lies between the arrival of the request and the end of the
    // gate's work on it. So decide at both times.
    const later = await this.#decide(request, startMs + Number(record['gatehouse.gate_ms'] ?? 0))
    if (typeof later === 'string' || later.exchange.reason !== exchange.reason) return { undecidable: 'the exact time' }
    return { before, after, route: route?.id ?? (record['gatehouse.route'] as string | undefined) }
  }

  /**
   * Decides a recorded request by the candidate policy, as at the time `nowMs`.
   *
   * @returns the outcome, or the name of a fact that the record lacks
   */
  async #decide(request: RecordedRequest, nowMs: number): Promise<DryRunOutcome | string> {
    const { facts, record, path } = request
    let missing: string | undefined
    const note: NoteMissing = (fact) => {
      missing ??= fact
    }
    const { issuers } = this.#snapshot
    const claims = { iss: record['gatehouse.issuer'], sub: record['user.id'] }
    const session = facts.credential === 'session' ? statedSession(claims, '', issuers, nowMs) : undefined
    const replaced = new Map<Step, Step['run']>([
      [authenticate, (x: Limited): Verdict => stateFacts(x, request, note)],
      [consumeProof, () => jsonAnswer('')],
    ])
    let outcome: DryRunOutcome
    try {
      const asked = buildDryRunRequest(
        { ...request, fields: credentialFields(facts), nowMs },
        { origin: DEFAULT_ORIGIN, acceptsHttp2: true },
      )
      const field = (name: string) => recordedField(facts, name, note)
      outcome = await dryRun(await this.#gate, asked, { sessions: onlySession(session), replaced, field })
    } catch (error) {
      if (error instanceof InvalidRequest) return 'the request as it was sent'
      throw error
    }
    if (missing !== undefined) return missing
    const { exchange: x } = outcome
    if (x.faultMessage !== undefined) return 'the request as it was sent'
    if (x.path !== path) return 'the path as it was sent'
    return outcome
  }
}

/**
 * Reads the request and its facts from an audit record.
 *
 * @returns the name of the missing fact when the record does not contain enough
 */
function recordedRequest(record: AuditLine): RecordedRequest | string {
  const text = record['gatehouse.decision_facts']
  const facts = typeof text === 'string' ? readDecisionFacts(text) : undefined
  if (facts === undefined) return 'decision facts (set audit.decision_facts)'
  const [method, host, path, address] = [
    ...[record['http.request.method'], record['server.address']],
    ...[record['url.path'], record['client.address']],
  ].map((value) => (typeof value === 'string' ? value : ''))
  if (path!.endsWith('…')) return 'the whole path'
  const texts = [record['gatehouse.client'], record['gatehouse.issuer']]
  if (texts.some((each) => typeof each === 'string' && each.length > WHOLE_MAX)) return 'the whole client id'
  return { record, facts, method: method!, url: `http://${host}${path}`, path: path!, address: address! }
}

/**
 * Returns request fields with a credential of the recorded kind. Their values do not matter, because `stateFacts` sets
 * the facts of the credential.
 */
function credentialFields({ credential }: DecisionFacts): AskedRequest['fields'] {
  if (credential === 'none') return []
  if (credential !== 'session') return [['authorization', 'Bearer recorded']]
  return [
    ['cookie', `${sessionCookieOf(DEFAULT_ORIGIN).name}=recorded`],
    ['sec-fetch-site', 'same-origin'],
  ]
}

function recordedField({ headers }: DecisionFacts, name: string, note: NoteMissing): string | null | undefined {
  const value = headers !== undefined && Object.hasOwn(headers, name) ? headers[name] : undefined
  if (value === undefined) note(`request field ${name}`)
  return value === false ? undefined : value
}

/**
 * Runs instead of the phase `authenticate`: sets the recorded facts of the credential, if the candidate policy
 * validates tokens by the same rules as the old policy.
 */
function stateFacts(x: Limited, { facts, record }: RecordedRequest, note: NoteMissing): Verdict {
  const { route, runtime } = x
  if (route.requirement === undefined) return undefined
  const undecided = (fact: string): Verdict => {
    note(fact)
    return route.denials.credentialMissing
  }
  if (facts.credential === 'client') return undecided('the scheme Basic, with which the gate requests a token')
  if (facts.credential === 'certificate' || route.namedCertificates.length > 0) {
    return undecided('the identity of the client certificate')
  }
  if (facts.rules === undefined) return undecided('a verified credential')
  const rules = runtime.snapshot.issuers.get(String(record['gatehouse.issuer']))
  if (rules === undefined) return route.denials.token['token-issuer-unknown']
  if (issuerDigest(rules) !== facts.rules) return undecided(`the token by the changed rules of issuer ${rules.name}`)
  x.facts = tokenFacts(rules, facts, record, note)
  x.derived = {
    service: route.service,
    roles: knownRoles(x, facts, note),
    limited: [],
    assertion: '',
    assertionRenewAtMs: 0,
  }
  x.loginIssuer = facts.credential === 'session' ? rules : undefined
  return undefined
}

function tokenFacts(issuer: IssuerRules, facts: DecisionFacts, record: AuditLine, note: NoteMissing): TokenFacts {
  const client = record['gatehouse.client']
  return {
    issuer,
    subject: String(record['user.id']),
    client: typeof client === 'string' ? client : undefined,
    audience: [],
    scopes: new Set(facts.scopes),
    issuedAtS: undefined,
    expiresAtS: Number.MAX_SAFE_INTEGER,
    tokenId: undefined,
    sessionId: undefined,
    acr: facts.acr,
    confirmation: facts.bound === true ? { jkt: 'recorded', x5tS256: undefined } : undefined,
    claims: knownClaims({ ...facts.claims, '["auth_time"]': facts.auth_time ?? null }, note),
    key: { live: true },
    introspection: neverIntrospected,
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

function knownRoles({ route }: Exchange, { roles = {} }: DecisionFacts, note: NoteMissing): KnownRoles {
  const known = new Map<string, boolean>()
  for (const mapping of route!.service.roles) {
    const granted = roles[roleDigest(mapping)]
    if (granted !== undefined) known.set(mapping.name, granted)
  }
  return new KnownRoles(known, note)
}
