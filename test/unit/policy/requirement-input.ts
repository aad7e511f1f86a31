import { parseAddress } from '../../../gateway/base/addresses.ts'
import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../../../gateway/oauth/token-facts.ts'
import { RequestHead } from '../../../gateway/pipeline/exchange/request-head.ts'
import { EmailList } from '../../../gateway/policy/email-list.ts'
import { compileRequirement } from '../../../gateway/policy/requirements/compile-requirement.ts'
import type { RequirementTree } from '../../../gateway/policy/requirements/requirement-kind.ts'
import type { Requirement, RequirementInput } from '../../../gateway/policy/snapshot.ts'
import type { CertificateIdentity } from '../../../gateway/x509/certificate-identity.ts'
import { snapshotOf } from './policy-text.ts'

const issuers = ['main', 'partner'].map((name) => `${name}: { issuer: "https://${name}.test", audience: [a] }`)
const rules = snapshotOf(
  `version: 1\nissuers: { ${issuers.join(', ')} }\n` +
    'services: { s: { upstreams: ["http://s"], routes: [{ id: r, match: { path: / }, require: public }] } }',
).issuers

/** Returns the rules of the issuer `main` or `partner`, as the policy compiler creates them. */
export function issuerNamed(name: string): IssuerRules {
  return rules.get(`https://${name}.test`)!
}

const issuerOf = (name = 'main') => issuerNamed(name)

/** Compiles a requirement for a service that has every role and the issuers `main` and `partner`. */
export function compiled(tree: RequirementTree): Requirement {
  return compileWith(tree, () => {})
}

/** Returns the scopes that a client could request to meet the requirement, each once. */
export function scopesIn(tree: RequirementTree): readonly string[] {
  const scopes = new Set<string>()
  compileWith(tree, (scope) => scopes.add(scope))
  return [...scopes]
}

function compileWith(tree: RequirementTree, scopeNamed: (scope: string) => void): Requirement {
  return compileRequirement(tree, ['require'], {
    roleNamed: (role) => role,
    scopeNamed,
    issuerOf,
    loginIssuer: issuerOf,
    certificateNamed: () => {},
    claimNamed: () => {},
    emailList: (file, path) => new EmailList(file, path),
    relaxed: () => {},
    fieldNamed: () => {},
  })
}

/** Parts of a request that requirements read. */
export interface Brought {
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  readonly acr?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly issuer?: string
  readonly client?: string | undefined
  /** Whether the request has a login session of `issuer`. */
  readonly session?: boolean
  readonly certificate?: CertificateIdentity
  readonly fields?: readonly (readonly [name: string, value: string])[]
  readonly address?: string
  /** RFC 3339. */
  readonly now?: string
}

/** A request of which every part is known, except for its certificate. */
export type WholeBrought = Required<Omit<Brought, 'certificate'>>

export function inputOf(brought: Brought): RequirementInput {
  const { scopes = [], roles = [], claims = {}, issuer = 'main', client, fields = [] } = brought
  const head = new RequestHead(
    'GET',
    '/',
    undefined,
    fields.map(([name]) => name),
    fields.map(([, value]) => value),
  )
  const token: TokenFacts = {
    issuer: issuerNamed(issuer),
    key: { live: true },
    subject: 'alice',
    client,
    audience: ['a'],
    scopes: new Set(scopes),
    issuedAtS: undefined,
    expiresAtS: 0,
    tokenId: undefined,
    sessionId: undefined,
    acr: brought.acr,
    confirmation: undefined,
    claims,
    introspection: neverIntrospected,
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
  return {
    token,
    loginIssuer: brought.session === true ? token.issuer : undefined,
    certificate: brought.certificate,
    roles: new Set(roles),
    address: parseAddress(brought.address ?? '127.0.0.1')!,
    nowMs: Date.parse(brought.now ?? '2026-01-01T00:00:00Z'),
    field: (name) => head.plainField(name),
  }
}

/** Returns `met`, or the reason of the denial. */
export function outcomeOf(requirement: Requirement, brought: Brought): string {
  return requirement.evaluate(inputOf(brought))?.reason ?? 'met'
}
