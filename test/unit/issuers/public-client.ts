import type { LoginRules } from '../../../gateway/oauth/token-facts.ts'

/** Login rules of an issuer at which the gate is a public client. */
export const publicClient: LoginRules = {
  clientId: 'web',
  redirect: 'plain',
  host: undefined,
  returnTo: [],
  auth: { method: 'none' },
  scopes: ['openid'],
  resource: undefined,
  prompt: undefined,
  parameters: {},
  sessionClaims: [],
  subjectClaim: undefined,
  claimsMaxAgeMs: 3_600_000,
  lifetime: { idleMs: 3_600_000, absoluteMs: 3_600_000 },
  timeoutMs: 20_000,
}
