import type { LoginRules } from '../../oauth/token-facts.ts'
import type { ReportProblem } from '../report-problem.ts'
import { clientAuthOf, type FolderOf } from './client-auth.ts'
import type { IssuerEntry } from './issuer-entry.ts'

/** Compiles the login settings of an issuer; `undefined` when it does not allow logins, or after a reported problem. */
export function compileLogin(
  name: string,
  { login: entry }: IssuerEntry,
  redirect: LoginRules['redirect'],
  folderOf: FolderOf,
  report: ReportProblem,
): LoginRules | undefined {
  if (entry === undefined) return undefined
  const path = ['issuers', name, 'login']
  const auth = clientAuthOf(entry, folderOf(path), (message) => report('GH_POLICY_LOGIN', message, path))
  if (auth === undefined) return undefined
  return {
    clientId: entry.client_id,
    redirect,
    host: entry.host,
    returnTo: [...new Set(entry.return_to)],
    auth,
    scopes: [...new Set(entry.scopes)],
    resource: entry.resource,
    prompt: entry.prompt,
    parameters: entry.parameters,
    sessionClaims: entry.session_claims,
    subjectClaim: entry.subject_claim,
    claimsMaxAgeMs: entry.claims_max_age,
    lifetime: { idleMs: entry.session.idle, absoluteMs: entry.session.absolute },
    timeoutMs: entry.timeout,
  }
}
