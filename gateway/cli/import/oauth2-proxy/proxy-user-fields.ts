import type { OptionTold } from './option-rule.ts'
import type { ProxyDraft } from './proxy-draft.ts'
import { isOn, type ProxyOption } from './proxy-option.ts'

const parts = ['user', 'email', 'preferred_username', 'groups'] as const
type Part = (typeof parts)[number]

const isPart = (claim: string | undefined): claim is Part => parts.some((part) => part === claim)

const forwarded: Readonly<Record<Part, string>> = {
  user: 'X-Forwarded-User',
  email: 'X-Forwarded-Email',
  preferred_username: 'X-Forwarded-Preferred-Username',
  groups: 'X-Forwarded-Groups',
}

const answered: Readonly<Record<Part, string>> = {
  user: 'X-Auth-Request-User',
  email: 'X-Auth-Request-Email',
  preferred_username: 'X-Auth-Request-Preferred-Username',
  groups: 'X-Auth-Request-Groups',
}

/**
 * Returns the value of `auth_request_headers`: the fields about the user that services received from oauth2-proxy;
 * `undefined` when they received no such fields. For a proxy that asks for decisions, these are `X-Auth-Request-*`.
 */
export function userFields(draft: ProxyDraft): unknown {
  const isAlpha = draft.option('alpha_upstream') !== undefined
  const passed = draft.option('pass_user_headers')
  const all = passed === undefined || isOn(passed) ? forwarded : {}
  const names = draft.asksOnly ? answered : isAlpha ? draft.userFields : all
  if (Object.keys(names).length === 0) return undefined
  const claims = claimsOf(draft)
  return { ...names, ...(Object.keys(claims).length > 0 && { claims }) }
}

/** Returns the claims of those user fields (`X-Forwarded-*`) whose claim differs from the default of the gate. */
function claimsOf(draft: ProxyDraft): object {
  const email = draft.value('oidc_email_claim', 'email')
  const groups = draft.value('oidc_groups_claim', 'groups')
  const byEmail = isOn(draft.option('prefer_email_to_user'))
  return {
    ...(byEmail && { user: email }),
    ...(email !== 'email' && { email }),
    ...(groups !== 'groups' && { groups }),
  }
}

/** Imports `injectRequestHeaders` of an alpha config. Each value is a text `NAME CLAIM` or `NAME secret`. */
export function readUserFields({ values }: ProxyOption, draft: ProxyDraft): OptionTold {
  const lost: string[] = []
  for (const [name = '', claim] of values.map((text) => text.split(' '))) {
    const fits = isPart(claim) && draft.userFields[claim] === undefined && isUserField(name)
    if (fits) draft.userFields[claim] = name
    else lost.push(name)
  }
  if (lost.length === 0) return ['mapped', 'services: auth_request_headers']
  const todo = 'services get a signed assertion with the claims, or a secret by credentials of type header'
  return ['no equivalent', `${lost.join(', ')}: ${todo} (docs/guide/service-credentials.md)`]
}

/**
 * Whether `auth_request_headers` of a policy accepts a field name. It accepts the names that oauth2-proxy documents for
 * users.
 */
function isUserField(name: string): boolean {
  return /^x-(?:forwarded|auth-request)-(?:user|email|groups|preferred-username)$/i.test(name)
}
