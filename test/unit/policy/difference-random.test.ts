// The comparison of two policies never says that a route admits no new requests when it admits one. Random policies and
// random requests are decided by the real phases.

import { expect, test } from 'vitest'
import { defaultSettings, offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { uncheckedVerifier } from '../../../gateway/cli/offline-verifier.ts'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { dryRun } from '../../../gateway/explain/dry-run.ts'
import { buildDryRunRequest } from '../../../gateway/explain/dry-run-request.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { implies } from '../../../gateway/policy/difference/condition-formula.ts'
import { differenceOf } from '../../../gateway/policy/difference/difference-of.ts'
import type { RouteChange } from '../../../gateway/policy/difference/policy-difference.ts'
import type { ComparedPolicy } from '../../../gateway/policy/difference/policy-side.ts'
import { formulaOf } from '../../../gateway/policy/difference/requirement-formula.ts'
import { requirementTree } from '../../../gateway/policy/requirements/requirement-tree.ts'
import { fc } from '../../kit/properties.ts'
import { sourceOf } from './policy-text.ts'
import { brought, leafPair, type WrittenTree, writtenTree } from './random-policy.ts'
import { compiled, outcomeOf, type WholeBrought } from './requirement-input.ts'

const roles = ['a', 'b', 'c'].map((name) => ({ name, path: ['roles', name], any: new Set(['yes']) }))
const formula = (tree: WrittenTree) =>
  formulaOf(requirementTree.parse(tree), { roles, issuerOf: (name) => name ?? 'main' })

/** A random requirement, and another one that is often weaker or stronger. */
const treePair = fc
  .tuple(
    fc.oneof(fc.tuple(writtenTree, writtenTree), leafPair),
    fc.constantFrom('other', 'denied', 'more', 'less', 'either', 'not'),
  )
  .map(([[one, other], how]): readonly [WrittenTree, WrittenTree] => {
    if (how === 'denied') return [{ not: one }, { not: other }]
    if (how === 'more') return [one, { all: [other, one] }]
    if (how === 'less') return [{ all: [one, other] }, one]
    if (how === 'either') return [one, { any: [other, one] }]
    if (how === 'not') return [{ not: { any: [one, other] } }, { not: one }]
    return [one, other]
  })

test('if the comparison of policies proves that one requirement implies another, no request meets only the first of them', () => {
  let proved = 0
  fc.assert(
    fc.property(treePair, fc.array(brought, { minLength: 6, maxLength: 6 }), ([before, after], requests) => {
      const [old, now] = [compiled(requirementTree.parse(before)), compiled(requirementTree.parse(after))]
      for (const [narrow, wide, isProved] of [
        [now, old, implies(formula(after), formula(before))],
        [old, now, implies(formula(before), formula(after))],
      ] as const) {
        if (!isProved) continue
        proved++
        for (const request of requests) {
          if (outcomeOf(narrow, request) === 'met') expect(outcomeOf(wide, request)).toBe('met')
        }
      }
    }),
    { numRuns: 300 },
  )
  expect(proved).toBeGreaterThan(150)
})

test('the comparison of policies always proves that an added condition narrows a requirement', () => {
  fc.assert(
    fc.property(writtenTree, writtenTree, (one, other) => {
      expect(implies(formula({ all: [other, one] }), formula(one))).toBe(true)
      expect(implies(formula({ not: one }), formula({ not: { all: [one, other] } }))).toBe(true)
    }),
    { numRuns: 100 },
  )
})

const requireOf = fc.oneof(
  { arbitrary: fc.constant(['public', 'public'] as const), weight: 1 },
  { arbitrary: writtenTree.map((tree) => [tree, 'public'] as const), weight: 1 },
  { arbitrary: treePair, weight: 6 },
)
const match = fc.record(
  {
    path: fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/*', '/*/b', '/*', '/a/**', '/**'),
    host: fc.constantFrom('a.test', '*.test', 'x'),
    methods: fc.constantFrom(['GET'], ['GET', 'POST'], ['PUT']),
    fall_through: fc.constantFrom(true, false, false),
  },
  { requiredKeys: ['path'] },
)
const addresses = fc.constantFrom({ allow: ['10.0.0.0/8'] }, { deny: ['10.1.0.0/16'] }, { allow: ['10.1.0.0/16'] })
const routePair = fc
  .record(
    {
      match: fc.tuple(match, fc.constantFrom(0, 0, 0, 1), match),
      require: requireOf,
      addresses: fc.tuple(addresses, addresses),
      kept: fc.constantFrom('both', 'both', 'both', 'before', 'after'),
      moved: fc.constantFrom(false, false, false, true),
      reversed: fc.boolean(),
    },
    { requiredKeys: ['match', 'require', 'kept', 'moved', 'reversed'] },
  )
  .map(({ match: [old, changes, other], require, addresses: lists, kept, moved, reversed }) => {
    const now = changes === 1 ? other : old
    const both = [
      { service: 's0', match: old, require: require[0], ...(lists && { addresses: lists[0] }) },
      { service: moved ? 's1' : 's0', match: now, require: require[1], ...(lists && { addresses: lists[1] }) },
    ] as const
    return { before: both[reversed ? 1 : 0], after: both[reversed ? 0 : 1], kept }
  })

const issuers = {
  main: { issuer: 'https://main.test', audience: ['a'] },
  partner: { issuer: 'https://partner.test', audience: ['a'] },
}
const trusts = fc.constantFrom([['main'], ['main']], [['main', 'partner'], ['main']], [['main'], ['main', 'partner']])

type RoutePair = typeof routePair extends fc.Arbitrary<infer T> ? T : never

/** Both policies of a pair of policies; `undefined` if one of them is invalid. */
function policiesOf(
  pairs: readonly RoutePair[],
  trusted: readonly (readonly string[])[],
): ComparedPolicy[] | undefined {
  try {
    return (['before', 'after'] as const).map((time, i) => {
      const services: Record<string, { routes: object[] }> = {}
      for (const [index, pair] of pairs.entries()) {
        if (pair.kept !== 'both' && pair.kept !== time) continue
        const { service, ...route } = pair[time]
        const entry = {
          issuers: trusted[i],
          upstreams: ['http://s.test'],
          credentials: 'none',
          roles: rolesOfService,
          routes: [],
        }
        services[service] ??= entry
        services[service].routes.push({ id: `r${index}`, ...route })
      }
      const source = sourceOf(JSON.stringify({ version: 1, issuers, services }))
      return { document: source.document, snapshot: compilePolicy(source) }
    })
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

const rolesOfService = Object.fromEntries(
  roles.map(({ name, path }) => [name, { claim: path.join('.'), any: ['yes'] }]),
)

const target = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'PUT'),
  url: fc
    .tuple(
      fc.constantFrom('a.test', 'b.test', 'x', 'y.z.test'),
      fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/c', '/c/b', '/c'),
    )
    .map(([host, path]) => `http://${host}${path}`),
})

/** Returns an unsigned access token, which the offline verifier accepts, with the claims of the request. */
function tokenOf({ scopes, roles: held, claims, issuer, client, now }: WholeBrought): string {
  const seconds = Math.floor(Date.parse(now) / 1000)
  const payload = {
    ...claims,
    roles: Object.fromEntries(held.map((name) => [name, ['yes']])),
    iss: `https://${issuer}.test`,
    aud: 'a',
    sub: 'alice',
    jti: 'j',
    client_id: client ?? 'none',
    iat: seconds,
    exp: seconds + 60,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  }
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  return `${encoded({ typ: 'at+jwt', alg: 'ES256', kid: 'k' })}.${encoded(payload)}.${'A'.repeat(86)}`
}

const { verifier } = uncheckedVerifier(defaultSettings().request.tokenMaxBytes)

/** Decides requests by the real phases. Returns the id of the route that admits each request, else `undefined`. */
async function admitting(
  { snapshot }: ComparedPolicy,
  requests: readonly (readonly [{ readonly method: string; readonly url: string }, WholeBrought])[],
): Promise<(string | undefined)[]> {
  const gate = await offlineGate(snapshot, verifier, 'http://gate.test')
  const decided: (string | undefined)[] = []
  for (const [{ method, url }, request] of requests) {
    const { address, fields, now } = request
    const asked = {
      method,
      url,
      token: tokenOf(request),
      fields,
      address,
      nowMs: Date.parse(now),
      certificate: undefined,
    }
    const { forwarded, exchange } = await dryRun(
      gate,
      buildDryRunRequest(asked, { origin: 'http://gate.test', acceptsHttp2: false }),
    )
    decided.push(forwarded === undefined ? undefined : exchange.route?.id)
  }
  return decided
}

test('the comparison of policies never reports a route as equal or narrower if the route admits a request that was not admitted before', async () => {
  const widening = new Set<RouteChange>(['added', 'public', 'wider', 'changed'])
  let [admitted, narrower] = [0, 0]
  await fc.assert(
    fc.asyncProperty(
      fc.array(routePair, { minLength: 1, maxLength: 4 }),
      trusts,
      fc.array(fc.tuple(target, brought), { minLength: 8, maxLength: 8 }),
      async (pairs, trusted, requests) => {
        const policies = policiesOf(pairs, trusted)
        fc.pre(policies !== undefined)
        const [before, after] = policies as [ComparedPolicy, ComparedPolicy]
        const difference = differenceOf(before, after)
        narrower += difference.routes.filter(({ change }) => change === 'narrower').length
        const [old, now] = [await admitting(before, requests), await admitting(after, requests)]
        for (const [i, id] of now.entries()) {
          if (id === undefined || old[i] !== undefined) continue
          admitted++
          const found = difference.routes.find(({ route }) => route === id)
          expect({ ...found, isWider: widening.has(found!.change) }).toMatchObject({ widens: true, isWider: true })
          expect(difference.widens).toBe(true)
        }
      },
    ),
    { numRuns: 60 },
  )
  // Proves that the random cases reach both results.
  expect(admitted).toBeGreaterThan(3)
  expect(narrower).toBeGreaterThan(4)
})
