import type { HeaderField } from '../../base/denial.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'

/**
 * Builds the identity fields that services behind oauth2-proxy read (`X-Auth-Request-*`). A claim that is not plain
 * text is omitted.
 *
 * @returns fields with their values as text, to be sent as UTF-8
 */
export function authRequestFields({ claims, subject }: TokenFacts): HeaderField[] {
  const stated: [string, unknown][] = [
    ['x-auth-request-user', subject],
    ['x-auth-request-email', own(claims, 'email')],
    ['x-auth-request-preferred-username', own(claims, 'preferred_username')],
    ['x-auth-request-groups', groupList(own(claims, 'groups'))],
  ]
  return stated.filter((field): field is [string, string] => typeof field[1] === 'string' && isFieldText(field[1]))
}

/**
 * Whether a service would receive a claim's text unchanged in a header field. White space at the ends is trimmed in
 * transit, so `admin ` would arrive as `admin`. A lone surrogate would arrive as another character.
 */
function isFieldText(value: string): boolean {
  return value !== '' && fieldText.test(value) && value === value.trim() && value.isWellFormed()
}

const fieldText = /^[^\x00-\x1f\x7f]*$/

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** Joins groups with commas. Omits a group with a comma, because a service would read it as two groups. */
function groupList(groups: unknown): string | undefined {
  const listed: unknown[] = Array.isArray(groups) ? groups : [groups]
  const plain = listed.filter((one) => typeof one === 'string' && isFieldText(one) && !one.includes(','))
  return plain.length === 0 ? undefined : plain.join(',')
}
