import type { Reason } from '../base/reasons.ts'
import type { Explanation, RequirementVerdict } from './explanation.ts'

type Explained = Omit<Explanation, 'first_step'>

/**
 * Returns what to do first when the request should be admitted; `null` when the sentence about the reason says it, and
 * for an admitted request.
 */
export function firstStepOf(explained: Explained): string | null {
  return steps[explained.reason]?.(explained) ?? null
}

const steps: Partial<Record<Reason, (explained: Explained) => string>> = {
  'route-unknown': ({ request, nearest }) =>
    `${nearest.length === 0 ? 'check' : 'compare the nearest routes with'} the path ${request.path}, or add a route for it to the policy`,
  'method-not-mapped': ({ request }) => `add ${request.method} to match.methods of a nearest route, or add a route`,
  'host-unknown': ({ request }) => `check the host ${request.host}, or add it to match.host of a route`,
  'address-denied': ({ request, route }) =>
    `check that ${request.address} is the address of the client (a proxy in front must be in proxies); then change addresses of route ${route?.id}`,
  'credential-missing': () => 'send the header field Authorization: Bearer TOKEN; try it here with --token TOKEN',
  'credential-malformed': () => 'send exactly Authorization: Bearer TOKEN, with one space and one token',
  'session-missing': () => 'log in with a browser; try it here with --session ID',
  'session-ended': () => 'log in again',
  'session-of-other-issuer': ({ session }) =>
    `log in at an issuer that the route accepts; this session is of ${session?.issuer}`,
  'authentication-insufficient': () => 'log in again, as the requirement below says',

  'token-expired': ({ token }) => `get a new token from the issuer; this one expired at ${token?.claims?.expires_at}`,
  'token-not-yet-valid': () => 'compare the clocks of the issuer and of the node',
  'token-signature': () => 'get a new token; if it fails too, compare the issuer of the token with that of the policy',
  'token-issuer-unknown': () => 'compare iss of the token with issuers.*.issuer of the policy, character by character',
  'token-issuer-not-accepted': ({ token, route }) =>
    `add ${token?.issuer?.name} to issuers of service ${route?.service}, or use a token of a listed issuer`,
  'token-key-unknown': () =>
    'compare kid of the token with the keys of the issuer; /status of the node shows the keys that it has',
  'token-audience': ({ token }) =>
    `request the token for an audience of the issuer entry, or add one of these to its audience: ${words(token?.claims?.audience)}`,
  'token-lifetime': () =>
    'let the issuer grant shorter tokens, or raise max_token_lifetime of the issuer in the policy',
  'token-type': () => 'send the access token, not the ID token',
  'token-inactive': () => 'get a new token from the issuer',
  'token-revoked': () =>
    'get a new token, or log in again; after a revocation by subject, client or session, wait clock_tolerance (5 s) first',

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
  'cross-site': () => 'send the request from a page of the same origin, or with a bearer token instead of the session',

  'address-limited': () => 'wait, and look for a client at this address that sends many invalid tokens',
  'rate-limited': () => 'wait for the time in Retry-After; gatehouse limits reset sets the counts to 0',
  'issuer-unreachable': () => 'check the issuer from the machine of the node; the log of the node has the last error',
  'introspection-unavailable': () =>
    'check the introspection endpoint from the machine of the node; the log of the node has the last error',
  'store-unavailable': () => 'check Redis from the machine of the node; /readyz of the node names what fails',
  'revocation-stale': () =>
    'check Redis from the machine of the node; on_outage of the route sets what happens meanwhile',
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
