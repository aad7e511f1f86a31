import type { Reason } from '../base/reasons.ts'
import { remedies } from '../base/remedies.ts'
import type { Explanation, RequirementVerdict } from './explanation.ts'

type Explained = Omit<Explanation, 'first_step'>

/**
 * Returns what to do first when the request should be admitted; `null` when the sentence about the reason says it, and
 * for an admitted request.
 */
export function firstStepOf(explained: Explained): string | null {
  const { reason } = explained
  return steps[reason]?.(explained) ?? remedies[reason] ?? null
}

/** First steps that name parts of the explained request. Other reasons have the general remedy. */
const steps: Partial<Record<Reason, (explained: Explained) => string>> = {
  'route-unknown': ({ request, nearest }) =>
    `${nearest.length === 0 ? 'check' : 'compare the nearest routes with'} the path ${request.path}, or add a route for it to the policy`,
  'method-not-mapped': ({ request }) => `add ${request.method} to match.methods of a nearest route, or add a route`,
  'host-unknown': ({ request }) => `check the host ${request.host}, or add it to match.host of a route`,
  'address-denied': ({ request, route }) =>
    `check that ${request.address} is the address of the client (a proxy in front must be in proxies); then change addresses of route ${route?.id}`,
  'credential-missing': () => 'send the header field Authorization: Bearer TOKEN; try it here with --token TOKEN',
  'session-missing': () => 'log in with a browser; try it here with --session ID',
  'session-of-other-issuer': ({ session }) =>
    `log in at an issuer that the route accepts; this session is of ${session?.issuer}`,

  'token-expired': ({ token }) => `get a new token from the issuer; this one expired at ${token?.claims?.expires_at}`,
  'token-issuer-not-accepted': ({ token, route }) =>
    `add ${token?.issuer?.name} to issuers of service ${route?.service}, or use a token of a listed issuer`,
  'token-audience': ({ token }) =>
    `request the token for an audience of the issuer entry, or add one of these to its audience: ${words(token?.claims?.audience)}`,

  'scope-missing': (explained) =>
    `request the token with the scopes that the route requires (it has: ${words(scopesOf(explained))}); not met: ${unmet(explained)}`,
  'role-missing': (explained) =>
    `give the subject a role that the route requires (it has: ${words(rolesOf(explained))}); not met: ${unmet(explained)}`,
  'email-mismatch': (explained) => `compare the claims of the token with what is not met: ${unmet(explained)}`,
  'claim-mismatch': (explained) => `compare the claims of the token with what is not met: ${unmet(explained)}`,
  'client-not-allowed': ({ token }) =>
    `add the client ${token?.claims?.client ?? '-'} to clients of the route, or use a listed client`,
  'requirement-unmet': (explained) => `change the token or the route; not met: ${unmet(explained)}`,
  'header-mismatch': (explained) => `send the header field that the route requires; not met: ${unmet(explained)}`,
}

/** Lists the parts of the requirement that are not met. */
function unmet({ requirement }: Explained): string {
  return requirement === null ? '-' : unmetParts(requirement).join('; ')
}

function unmetParts(verdict: RequirementVerdict): string[] {
  if (verdict.met !== false) return []
  return verdict.demand === 'all of' ? verdict.parts.flatMap(unmetParts) : [demandText(verdict)]
}

function demandText({ demand, parts }: RequirementVerdict): string {
  return parts.length === 0 ? demand : `${demand} (${parts.map(demandText).join(', ')})`
}

const scopesOf = ({ session, token }: Explained) => session?.scopes ?? token?.claims?.scopes
const rolesOf = ({ session, token }: Explained) => session?.roles ?? token?.claims?.roles
const words = (list: readonly string[] = []) => (list.length === 0 ? 'none' : list.join(' '))
