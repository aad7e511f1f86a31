import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { text } from '../../config/text-schemas.ts'
import { member } from '../../oauth/json.ts'
import { asciiLower, foldedAddress } from '../email-address.ts'
import type { EmailList } from '../email-list.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatNamedLists } from './names.ts'
import { requirementKind } from './requirement-kind.ts'

const mismatch = denial('email-mismatch')

/** Schema of a mail domain, in ASCII. A domain with other letters has an ASCII form (`xn--…`, RFC 5890). */
const domainName = text(
  'a mail domain such as corp.example, without @ and *; write other letters as xn--…',
  /^(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.)*[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?$/,
).transform(asciiLower)

export const email = requirementKind({
  key: 'email',
  schema: z
    .strictObject({
      domain: z
        .array(domainName)
        .min(1)
        .optional()
        .describe(
          'Domains, one of which the address must have. Exact: `corp.example` does not admit `sub.corp.example`.',
        ),
      addresses: z
        .strictObject({
          file: z
            .string()
            .min(1)
            .describe('File with one address per line. A relative path starts at the folder of this policy file.'),
        })
        .optional()
        .describe(
          'Addresses that are admitted, in addition to those of `domain`. The gate follows changes of the file.',
        ),
      verified: z
        .literal('issuer', { error: 'must be issuer, or absent' })
        .optional()
        .describe(
          'issuer: accept an address without `email_verified`, for an issuer that verifies every address but does not say ' +
            'so. At any other issuer, users could then claim the address of another user. Default: `email_verified` must ' +
            'be true.',
        ),
    })
    .refine(({ domain, addresses }) => domain !== undefined || addresses !== undefined, {
      error: 'must state a condition: domain or addresses',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
    .describe(
      'E-mail address of the user (claim `email`), which the issuer must have verified. ASCII letters are compared ' +
        'without case.',
    ),
  reasons: ['email-mismatch'],
  compile({ domain, addresses, verified }, { names, path, negated }) {
    names.claimNamed(['email'])
    names.claimNamed(['email_verified'])
    if (verified !== undefined) names.relaxed('email.verified: issuer')
    const list = addresses && names.emailList(addresses.file, [...path, 'addresses', 'file'])
    return new Email(domain ?? [], list, verified === 'issuer', negated)
  },
})

/**
 * Requirement that is met by a verified e-mail address with one of the domains, or in the list of addresses. Denies 403
 * `forbidden`.
 *
 * A missing, unverified or ambiguous address always leads to a denial. The requirement then counts as unmet, or as met
 * inside an odd number of `not`.
 */
class Email implements Requirement {
  readonly demand: string
  readonly reason = 'email-mismatch'
  readonly subRequirements = []
  /** Accepted e-mail domains with a leading `@`, such as `@corp.example`, to compare with the end of an address. */
  readonly #ends: readonly string[]
  readonly #list: EmailList | undefined
  readonly #acceptsUnstated: boolean
  readonly #ifUnknown: Denial | undefined

  /**
   * @param acceptsUnstated  true when an address without `email_verified` counts as verified
   * @param negated  true inside an odd number of `not`, where an unmet requirement admits the client. An address that is
   *   missing or not verified then counts as met, so that `not` denies.
   */
  constructor(domains: readonly string[], list: EmailList | undefined, acceptsUnstated: boolean, negated: boolean) {
    const lists = { domain: domains.length === 0 ? undefined : domains, addresses: list && [list.file] }
    this.demand = `email ${formatNamedLists(lists)}${acceptsUnstated ? '; verified: issuer' : ''}`
    this.#ends = domains.map((domain) => `@${domain}`)
    this.#list = list
    this.#acceptsUnstated = acceptsUnstated
    this.#ifUnknown = negated ? undefined : mismatch
  }

  evaluate({ token }: RequirementInput): Denial | undefined {
    const verified = member(token.claims, 'email_verified')
    const address = foldedAddress(member(token.claims, 'email'))
    const isVerified = verified === true || (this.#acceptsUnstated && verified === undefined)
    if (address === undefined || !isVerified) return this.#ifUnknown
    for (const end of this.#ends) if (address.endsWith(end)) return undefined
    return this.#list?.has(address) === true ? undefined : mismatch
  }
}
