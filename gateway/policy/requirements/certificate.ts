import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { text } from '../../config/text-schemas.ts'
import type { CertificateIdentity } from '../../x509/certificate-identity.ts'
import { trustDomainOf } from '../../x509/spiffe-id.ts'
import type { CertificateCondition, Requirement, RequirementInput } from '../snapshot.ts'
import { formatNamedLists } from './names.ts'
import { type RequirementTree, requirementKind } from './requirement-kind.ts'

const notAllowed = denial('certificate-not-allowed')

const issuerForm = /^(?:spiffe:\/\/[a-z0-9._-]{1,255}|x509:[A-Za-z0-9._-]{1,64})$/

const spiffeId = z.string({ error: 'must be a SPIFFE ID' }).refine((id) => trustDomainOf(id) !== undefined, {
  error: 'must be a SPIFFE ID such as spiffe://prod.example/orders',
})

/** Schema of a subject alternative name. A DNS name is compared in lower case, other names byte for byte. */
const alternativeName = text('a DNS name, URI, e-mail address or IP address', /^[\x21-\x7e]{1,2048}$/).transform(
  (name) => (/[:@]/.test(name) ? name : name.toLowerCase()),
)

export const certificate = requirementKind({
  key: 'certificate',
  schema: z
    .strictObject({
      spiffe: z
        .array(spiffeId)
        .min(1)
        .optional()
        .describe(
          'SPIFFE IDs, one of which must be the ID of the certificate. Only a CA with this `trust_domain` in tls.client.ca ' +
            'can issue such an ID.',
        ),
      san: z
        .array(alternativeName)
        .min(1)
        .optional()
        .describe(
          'Subject alternative names, one of which the certificate must have: DNS name, URI, e-mail address or IP ' +
            'address. Compared as a whole. The common name is never used.',
        ),
      issuer: text('spiffe://TRUST_DOMAIN or x509:NAME', issuerForm)
        .optional()
        .describe(
          'Issuer of the identity: spiffe://TRUST_DOMAIN, or x509:NAME with the name of a CA in tls.client.ca. Required ' +
            'with `san` when there are several CAs.',
        ),
    })
    .refine(({ spiffe, san, issuer }) => spiffe !== undefined || san !== undefined || issuer !== undefined, {
      error: 'must state a condition: spiffe, san or issuer',
      params: { code: 'GH_POLICY_REQUIREMENT' },
    })
    .describe(
      'Client certificates that are admitted, of the connection or as a listed proxy states them. All stated conditions ' +
        'must be met. A caller without a token is then identified by its certificate, unless this requirement is under ' +
        '`not`.',
    ),
  reasons: ['certificate-not-allowed'],
  compile({ spiffe, san, issuer }, { names, negated }) {
    const requirement = new Certificate(spiffe, san, issuer)
    names.certificateNamed(requirement, negated)
    return requirement
  },
})

/** Keys of requirements that only a token or a login session can meet. */
const tokenKeys = ['scopes', 'roles', 'claims', 'clients', 'session', 'acr', 'max_age', 'dpop'] as const

/**
 * Whether a caller without a token can meet the requirement: it has a certificate condition outside `not`, and no
 * condition that needs a token.
 */
export function admitsCertificates(tree: RequirementTree): boolean {
  return namesCertificate(tree) && !needsToken(tree)
}

function namesCertificate(tree: RequirementTree): boolean {
  return tree['certificate'] !== undefined || [...listed(tree, 'all'), ...listed(tree, 'any')].some(namesCertificate)
}

function needsToken(tree: RequirementTree): boolean {
  if (tokenKeys.some((key) => tree[key] !== undefined)) return true
  const any = listed(tree, 'any')
  return listed(tree, 'all').some(needsToken) || (any.length > 0 && any.every(needsToken))
}

function listed(tree: RequirementTree, key: 'all' | 'any'): readonly RequirementTree[] {
  return (tree[key] as readonly RequirementTree[] | undefined) ?? []
}

/**
 * Requirement that is met by a client certificate whose identity matches every stated member: the issuer, one of the
 * SPIFFE IDs, one of the names. A certificate without an identity never meets the requirement. Denies 403 `forbidden`.
 */
class Certificate implements Requirement, CertificateCondition {
  readonly demand: string
  readonly reason = 'certificate-not-allowed'
  readonly subRequirements = []
  readonly spiffe: ReadonlySet<string> | undefined
  readonly names: ReadonlySet<string> | undefined
  readonly issuer: string | undefined

  constructor(spiffe: readonly string[] | undefined, san: readonly string[] | undefined, issuer: string | undefined) {
    this.demand = `client certificate ${formatNamedLists({ spiffe, san, issuer: issuer === undefined ? undefined : [issuer] })}`
    this.spiffe = spiffe && new Set(spiffe)
    this.names = san && new Set(san)
    this.issuer = issuer
  }

  evaluate({ certificate }: RequirementInput): Denial | undefined {
    return certificate !== undefined && this.matches(certificate) ? undefined : notAllowed
  }

  matches({ issuer, subject, names }: CertificateIdentity): boolean {
    if (this.issuer !== undefined && issuer !== this.issuer) return false
    if (this.spiffe !== undefined && !(issuer.startsWith('spiffe://') && this.spiffe.has(subject))) return false
    return this.names === undefined || hasCommon(this.names, names)
  }
}

function hasCommon(wanted: ReadonlySet<string>, held: ReadonlySet<string>): boolean {
  for (const name of held) if (wanted.has(name)) return true
  return false
}
