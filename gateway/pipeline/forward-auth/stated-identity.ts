import type { HeaderField } from '../../base/denial.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import { claimAt } from '../../policy/claim-at.ts'
import type { IdentityField } from '../../policy/identity-field.ts'

/**
 * Builds the fields in which a service receives claims of the user (`auth_request_headers`). A claim that is not plain
 * text is omitted.
 *
 * @returns fields with their values as text, to be sent as UTF-8
 */
export function statedIdentity({ claims, subject }: TokenFacts, fields: readonly IdentityField[]): HeaderField[] {
  return fields.flatMap(({ name, path, list }): HeaderField[] => {
    const claim = path === undefined ? subject : claimAt(claims, path)
    const value = list ? groupList(claim) : claim
    return typeof value === 'string' && isFieldText(value) ? [[name, value]] : []
  })
}

/**
 * Whether a service would receive a claim's text unchanged in a header field. White space at the ends is trimmed in
 * transit, so `admin ` would arrive as `admin`. A lone surrogate would arrive as another character.
 */
function isFieldText(value: string): boolean {
  return value !== '' && fieldText.test(value) && value === value.trim() && value.isWellFormed()
}

const fieldText = /^[^\x00-\x1f\x7f]*$/

/** Joins groups with commas. Omits a group with a comma, because a service would read it as two groups. */
function groupList(groups: unknown): string | undefined {
  const listed: unknown[] = Array.isArray(groups) ? groups : [groups]
  const plain = listed.filter((one) => typeof one === 'string' && isFieldText(one) && !one.includes(','))
  return plain.length === 0 ? undefined : plain.join(',')
}
