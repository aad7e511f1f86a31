// Requirements on client certificates: identities are pairs of issuer and name. Attack case S-085.

import { expect, test } from 'vitest'
import type { Settings } from '../../../gateway/config/settings.ts'
import { requirementTree } from '../../../gateway/policy/requirements/requirement-tree.ts'
import { checkPolicyNeeds } from '../../../gateway/policy-needs.ts'
import type { CertificateIdentity } from '../../../gateway/x509/certificate-identity.ts'
import { problemsOf, snapshotOf } from './policy-text.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const identity = (issuer: string, subject: string, ...more: string[]): CertificateIdentity => ({
  issuer,
  subject,
  names: new Set([subject, ...more]),
})
const orders = identity('spiffe://prod.example', 'spiffe://prod.example/orders', 'orders.example')
const claimed = identity('x509:partners', 'spiffe://prod.example/orders')
const partner = identity('x509:partners', 'a.example', 'b.example')

const spiffe = { spiffe: ['spiffe://prod.example/orders'] }
const met = 'met'
const refused = 'certificate-not-allowed'

test.each<[object, CertificateIdentity | undefined, string]>([
  [spiffe, orders, met],
  [spiffe, claimed, refused],
  [spiffe, identity('spiffe://prod.example', 'spiffe://prod.example/orders2'), refused],
  [spiffe, partner, refused],
  [spiffe, undefined, refused],
  [{ san: ['a.example'] }, partner, met],
  [{ san: ['B.Example'] }, partner, met],
  [{ san: ['example'] }, partner, refused],
  [{ san: ['a.example'], issuer: 'x509:partners' }, partner, met],
  [{ san: ['a.example'], issuer: 'x509:mesh' }, partner, refused],
  [{ san: ['orders.example'], issuer: 'spiffe://prod.example' }, orders, met],
  [{ issuer: 'spiffe://prod.example' }, orders, met],
  [{ issuer: 'spiffe://prod.example' }, claimed, refused],
  [{ ...spiffe, san: ['other.example'] }, orders, refused],
])('the result of the certificate requirement %j for %j is: %s', (certificate, brought, outcome) => {
  const requirement = compiled(requirementTree.parse({ certificate }))

  expect(outcomeOf(requirement, brought === undefined ? {} : { certificate: brought })).toBe(outcome)
})

test('an unmet certificate requirement causes 403 forbidden, and its text for `gatehouse explain` names every condition', () => {
  const requirement = compiled({ certificate: { ...spiffe, san: ['a'], issuer: 'x509:mesh' } })

  expect(requirement.evaluate(inputOf({}))).toMatchObject({ status: 403, code: 'forbidden' })
  expect(requirement.demand).toBe('client certificate spiffe: spiffe://prod.example/orders; san: a; issuer: x509:mesh')
})

const policyWith = (require: object, service: object = {}) => {
  const routes = [{ id: 'r', match: { path: '/' }, require }]
  return `version: 1\nservices: ${JSON.stringify({ s: { upstreams: ['http://s'], credentials: 'none', ...service, routes } })}\n`
}
const certificate = { issuer: 'x509:mesh' }
const scopes = { all: ['read'] }

test.each<[string, object, boolean]>([
  ['a certificate alone', { certificate }, true],
  ['a certificate or a scope', { any: [{ scopes }, { certificate }] }, true],
  ['a certificate and an address', { all: [{ certificate }, { addresses: { allow: ['10.0.0.0/8'] } }] }, true],
  ['a certificate and a scope', { all: [{ certificate }, { scopes }] }, false],
  ['a certificate and a DPoP proof', { all: [{ certificate }, { dpop: true }] }, false],
  [
    'a certificate and one of two scopes',
    { all: [{ certificate }, { any: [{ scopes }, { scopes: { all: ['b'] } }] }] },
    false,
  ],
  ['no certificate', { not: { certificate } }, false],
])('whether a route that requires %s admits callers without a token: %s', (_, require, admits) => {
  const policy = policyWith(require, { issuers: ['main'] }).replace(
    'services',
    'issuers: { main: { issuer: "https://idp.test", audience: [a] } }\nservices',
  )

  expect(snapshotOf(policy).routes[0]!.certificates).toHaveLength(admits ? 1 : 0)
})

test.each<[string, string, string[]]>([
  ['callers with certificates alone and no issuer', policyWith({ certificate }), []],
  ['a scope and no issuer', policyWith({ all: [{ certificate }, { scopes }] }), ['GH_POLICY_ISSUER services.s']],
  [
    'a DPoP proof and no issuer',
    policyWith({ all: [{ certificate }, { dpop: true }] }),
    ['GH_POLICY_ISSUER services.s'],
  ],
  [
    'clients, certificates and no issuer',
    policyWith({ any: [{ certificate }, { clients: { any: ['c'] } }] }),
    ['GH_POLICY_ISSUER services.s.routes[0].require.any[1].clients'],
  ],
  [
    'callers with certificates and credentials: token',
    policyWith({ certificate }, { credentials: 'token' }),
    ['GH_POLICY_CREDENTIALS services.s.routes[0].require'],
  ],
  ['no condition', policyWith({ certificate: {} }), ['GH_POLICY_REQUIREMENT services.s.routes[0].require.certificate']],
  [
    'a SPIFFE ID with %2f',
    policyWith({ certificate: { spiffe: ['spiffe://prod.example/a%2fb'] } }),
    ['GH_CONFIG_VALUE services.s.routes[0].require.certificate.spiffe[0]'],
  ],
  [
    'a URL as issuer',
    policyWith({ certificate: { issuer: 'https://idp.test' } }),
    ['GH_CONFIG_VALUE services.s.routes[0].require.certificate.issuer'],
  ],
])('the policy compiler reports these problems for a policy with %s: $2', (_, policy, expected) => {
  const found = problemsOf(() => snapshotOf(policy)).map(({ code, path }) => `${code} ${path}`)

  expect(found).toEqual(expected)
})

test.each<[string, object, readonly [name: string, trustDomain?: string][] | undefined, RegExp | undefined]>([
  ['a named CA', { issuer: 'x509:mesh' }, [['mesh']], undefined],
  ['no tls.client', { issuer: 'x509:mesh' }, undefined, /requires a client certificate, but tls.client is not set/],
  ['an unknown CA', { issuer: 'x509:mash' }, [['mesh']], /issuer x509:mash, which tls.client.ca does not have/],
  ['a trust domain', spiffe, [['mesh', 'prod.example']], undefined],
  ['a trust domain of no CA', spiffe, [['mesh', 'test.example']], /no CA in tls.client.ca has its trust domain/],
  ['a name with one CA', { san: ['a'] }, [['mesh']], undefined],
  [
    'a name with several CAs',
    { san: ['a'] },
    [['mesh'], ['partners']],
    /names no issuer, and tls.client.ca has several/,
  ],
])(
  'with %s, the comparison of a certificate requirement with tls.client of the settings finds the problem $3 (undefined: none)',
  (_, certificate, cas, message) => {
    for (const require of [{ certificate }, { not: { certificate } }]) {
      const files = { cas: cas?.map(([name, trustDomain]) => ({ name, trustDomain, file: '' })) ?? [], crlFiles: [] }
      const settings = {
        keys: { assertion: [], encryption: [] },
        streams: { maxMessageBytes: 1 },
        clientTls: cas && { files },
      }
      const policy = policyWith(require, { issuers: ['main'] }).replace(
        'services',
        'issuers: { main: { issuer: "https://idp.test", audience: [a] } }\nservices',
      )
      const [problem] = problemsOf(() => checkPolicyNeeds(settings as unknown as Settings, snapshotOf(policy)))

      if (message === undefined) expect(problem).toBeUndefined()
      else expect(problem?.message).toMatch(message)
    }
  },
)
