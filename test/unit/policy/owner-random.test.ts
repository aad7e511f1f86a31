// A change that an owner may make never changes the decision of a request that another service matched. Random changes
// and random requests are decided by the real phases.

import { expect, test } from 'vitest'
import { defaultSettings, offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { uncheckedVerifier } from '../../../gateway/cli/offline-verifier.ts'
import { ownerSettings } from '../../../gateway/config/owner-settings.ts'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { dryRun } from '../../../gateway/explain/dry-run.ts'
import { buildDryRunRequest } from '../../../gateway/explain/dry-run-request.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import type { ComparedPolicy } from '../../../gateway/policy/difference/policy-side.ts'
import { ownerRefusals } from '../../../gateway/policy/owners/owner-refusals.ts'
import { fc } from '../../kit/properties.ts'
import { sourceOf } from './policy-text.ts'

const path = fc.constantFrom('/a', '/a/', '/a/b', '/a/*', '/a/**', '/*', '/*/b', '/b/**', '/**')
const match = fc.record(
  {
    path,
    host: fc.constantFrom('a.test', '*.test', 'x'),
    methods: fc.constantFrom(['GET'], ['GET', 'POST'], ['OPTIONS'], ['GET', 'OPTIONS']),
    fall_through: fc.constantFrom(true, false, false),
  },
  { requiredKeys: ['path'] },
)
const route = fc.record(
  {
    match,
    require: fc.constantFrom('public', { addresses: { allow: ['10.0.0.0/8'] } }, { scopes: { all: ['a'] } }),
    cors: fc.constant({ origins: ['https://page.test'] }),
    addresses: fc.constant({ deny: ['10.1.0.0/16'] }),
  },
  { requiredKeys: ['match', 'require'] },
)
const routes = fc.array(route, { minLength: 1, maxLength: 3 })
const cases = fc.record({
  others: routes,
  before: routes,
  after: fc.array(route, { minLength: 0, maxLength: 3 }),
  kept: fc.nat(3),
})

/** @returns `undefined` for an invalid policy */
function policyOf(others: readonly object[], own: readonly object[]): ComparedPolicy | undefined {
  const service = (id: string, list: readonly object[]) => ({
    [id]: {
      upstreams: ['http://s'],
      credentials: 'none',
      routes: list.map((each, i) => ({ id: `${id}${i}`, ...each })),
    },
  })
  const services = { ...service('other', others), ...(own.length > 0 && service('own', own)) }
  const issuers = { main: { issuer: 'https://idp.test', audience: ['a'] } }
  try {
    const source = sourceOf(JSON.stringify({ version: 1, issuers, services }))
    return { document: source.document, snapshot: compilePolicy(source) }
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}

const { own: grant } = ownerSettings.parse({ own: { hosts: ['*'], paths: ['/**'] } })

const { verifier } = uncheckedVerifier(defaultSettings().request.tokenMaxBytes)
const preflight = [
  ['origin', 'https://page.test'],
  ['access-control-request-method', 'GET'],
] as const
const requests = ['a.test', 'b.test', 'x', 'y'].flatMap((host) =>
  ['/', '/a', '/a/', '/a/b', '/a/c', '/c', '/c/b', '/b/c'].flatMap((target) =>
    (
      [
        ['GET', []],
        ['POST', []],
        ['OPTIONS', []],
        ['OPTIONS', preflight],
      ] as const
    ).map(([method, fields]) => ({
      host,
      target,
      method,
      asked: { method, url: `http://${host}${target}`, token: undefined, fields, certificate: undefined, nowMs: 0 },
    })),
  ),
)

async function decide(policy: ComparedPolicy, from: readonly (typeof requests)[number][]): Promise<string[]> {
  const gate = await offlineGate(policy.snapshot, verifier, 'http://gate.test')
  const decided: string[] = []
  for (const { asked } of from) {
    const built = buildDryRunRequest(
      { ...asked, address: '10.0.0.1' },
      { origin: 'http://gate.test', acceptsHttp2: false },
    )
    const { forwarded, refusal, answer, exchange } = await dryRun(gate, built)
    decided.push(forwarded === undefined ? `${(refusal ?? answer)?.reason}` : `${exchange.route?.id}`)
  }
  return decided
}

test('a random policy change that the owner of a service is allowed to make leaves all decisions about requests of other services unchanged', async () => {
  let [allowed, differing] = [0, 0]
  await fc.assert(
    fc.asyncProperty(cases, async ({ others, before, after, kept }) => {
      const [old, now] = [policyOf(others, before), policyOf(others, [...before.slice(0, kept), ...after])]
      if (old === undefined || now === undefined) return
      const foreign = requests.filter(({ host, target, method }) => {
        const found = old.snapshot.match(host, target, method)
        return !('reason' in found) && found.service.id === 'other'
      })
      const isAllowed = ownerRefusals(old, now, 'own', grant).length === 0
      if (isAllowed) allowed++
      else {
        differing++
        return
      }
      expect(await decide(now, foreign)).toEqual(await decide(old, foreign))
    }),
    { numRuns: 120 },
  )
  // Proves that the random changes reach both results.
  expect(allowed).toBeGreaterThan(3)
  expect(differing).toBeGreaterThan(3)
})
