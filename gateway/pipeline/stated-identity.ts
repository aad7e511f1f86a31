import type { Field } from '../base/denial.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'

/**
 * The names that services behind oauth2-proxy read; a claim that is no plain text is left out.
 *
 * @returns values as text, which is UTF-8 on the wire
 */
export function authRequestFields({ claims, subject }: TokenFacts): Field[] {
  const stated: [string, unknown][] = [
    ['x-auth-request-user', subject],
    ['x-auth-request-email', own(claims, 'email')],
    ['x-auth-request-preferred-username', own(claims, 'preferred_username')],
    ['x-auth-request-groups', groupList(own(claims, 'groups'))],
  ]
  return stated.filter((field): field is [string, string] => typeof field[1] === 'string' && isFieldText(field[1]))
}

/**
 * Whether a service reads the very text that the claim has. White space at the ends is cut off on the wire, so that
 * `admin ` would arrive as `admin`; half a surrogate pair as something else.
 */
function isFieldText(value: string): boolean {
  return value !== '' && fieldText.test(value) && value === value.trim() && value.isWellFormed()
}

const fieldText = /^[^\x00-\x1f\x7f]*$/

function own(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** A group with a comma could pass for two. */
function groupList(groups: unknown): string | undefined {
  const listed: unknown[] = Array.isArray(groups) ? groups : [groups]
  const plain = listed.filter((one) => typeof one === 'string' && isFieldText(one) && !one.includes(','))
  return plain.length === 0 ? undefined : plain.join(',')
}
