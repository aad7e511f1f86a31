import type { DecisionFacts } from '../../audit/decision-facts.ts'
import { quoted } from '../../base/json-text.ts'
import { member } from '../../oauth/json.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { claimAt } from '../../policy/claim-at.ts'
import { decisionInputs, issuerDigest, roleDigest } from '../../policy/decision-inputs.ts'
import type { CredentialScheme, Exchange } from '../exchange/exchange.ts'
import { sessionCookieValue } from '../identity/session-cookie-value.ts'

/**
 * Maximum length of the value of a request field in the decision facts of an audit record, UTF-16 units. A longer value
 * is not recorded.
 */
const FIELD_MAX = 256
/**
 * Maximum length of the value of a claim, as JSON, in the decision facts of an audit record, UTF-16 units. A longer
 * value is not recorded.
 */
const CLAIM_MAX = 1024
/** Maximum length of all decision facts of an audit record, UTF-16 units. Longer facts are not recorded. */
const FACTS_MAX = 8192

const kinds = {
  none: 'unverified',
  bearer: 'token',
  dpop: 'token',
  session: 'session',
  basic: 'client',
  certificate: 'certificate',
} as const satisfies Record<CredentialScheme, DecisionFacts['credential']>

/**
 * Returns the text of the audit field `gatehouse.decision_facts`, with its comma. Empty when the path of the request is
 * not known, and when the facts are too long.
 */
export function decisionFactsText(x: Exchange): string {
  if (x.path === '') return ''
  const facts = x.facts === undefined ? anonymousFacts(x) : { ...tokenFacts(x, x.facts), ...roleFacts(x) }
  const text = JSON.stringify({ ...facts, headers: fieldFacts(x) } satisfies DecisionFacts)
  return text.length > FACTS_MAX ? '' : `,"gatehouse.decision_facts":${quoted(text)}`
}

function anonymousFacts(x: Exchange): DecisionFacts {
  const { authorization } = x.head
  const presents =
    authorization !== undefined ||
    x.offeredTokens.length > 0 ||
    x.clientCertificate !== undefined ||
    sessionCookieValue(x) !== undefined
  return { credential: presents ? 'unverified' : 'none' }
}

function tokenFacts(x: Exchange, facts: TokenFacts): DecisionFacts {
  const { issuer, scopes, acr, confirmation } = facts
  const authTime = member(facts.claims, 'auth_time')
  const claims: NonNullable<DecisionFacts['claims']> = {}
  for (const path of decisionInputs(x.gate.runtime.snapshot).claims) {
    const value = recordedClaim(claimAt(facts.claims, path))
    if (value !== undefined) claims[JSON.stringify(path)] = value
  }
  return {
    credential: kinds[x.scheme],
    rules: issuerDigest(issuer),
    scopes: [...scopes],
    ...(acr !== undefined && { acr }),
    ...(typeof authTime === 'number' && { auth_time: authTime }),
    ...(confirmation?.jkt !== undefined && { bound: true }),
    claims,
  }
}

/**
 * Returns the value of a claim as requirements compare it: a scalar or a list of scalars. @returns `undefined` if it is
 * too long
 */
function recordedClaim(value: unknown): NonNullable<DecisionFacts['claims']>[string] | undefined {
  if (value === undefined || value === null) return null
  const recorded = Array.isArray(value) ? value.filter(isScalar) : isScalar(value) ? value : {}
  return JSON.stringify(recorded).length > CLAIM_MAX ? undefined : recorded
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function roleFacts({ route, roles }: Exchange): Pick<DecisionFacts, 'roles'> {
  const mappings = route?.service.roles ?? []
  return { roles: Object.fromEntries(mappings.map((each) => [roleDigest(each), roles.has(each.name)])) }
}

function fieldFacts(x: Exchange): NonNullable<DecisionFacts['headers']> {
  const headers: NonNullable<DecisionFacts['headers']> = {}
  for (const name of decisionInputs(x.gate.runtime.snapshot).fields) {
    const value = x.field(name)
    if ((value?.length ?? 0) <= FIELD_MAX) headers[name] = value === undefined ? false : value
  }
  return headers
}
