// Every policy text compiles or causes a ConfigError. Only `require: public` makes a route public (S-126).

import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { readPolicy } from '../../../gateway/policy/policy-source.ts'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import type { Requirement, Snapshot } from '../../../gateway/policy/snapshot.ts'
import { fc } from '../../kit/properties.ts'
import { writtenPolicy } from './random-policy.ts'

/** @returns the snapshot, or `undefined` if the policy is rejected; any other error fails the test */
function compiledFrom(text: string): Snapshot | undefined {
  try {
    return compilePolicy(sourceOf(text))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.problems).not.toEqual([])
    return undefined
  }
}

const sourceOf = (text: string) => readPolicy([{ file: 'policy.yaml', bytes: Buffer.from(text) }])
const yamlOf = (document: object) => stringify(document, { aliasDuplicateObjects: false })

interface Written {
  readonly services: Record<string, { readonly routes: readonly { readonly id: string; readonly require?: unknown }[] }>
}

/** Returns the ids of routes with `require: public`, read from the YAML text without the policy parser. */
function publicIn(text: string): string[] {
  const { services } = parse(text) as Written
  const routes = Object.values(services).flatMap((service) => service.routes)
  return routes.filter((route) => route.require === 'public').map((route) => route.id)
}

const publicOf = ({ routes }: Snapshot) => routes.filter((route) => route.requirement === undefined).map(({ id }) => id)

test('a random policy compiles or is rejected with a ConfigError, and only routes with require: public are public', () => {
  let compiled = 0
  fc.assert(
    fc.property(writtenPolicy(2, 3), (policy) => {
      const text = yamlOf(policy)
      const snapshot = compiledFrom(text)
      if (snapshot === undefined) return
      compiled++
      expect(publicOf(snapshot)).toEqual(publicIn(text))
    }),
    { numRuns: 100 },
  )
  expect(compiled).toBeGreaterThan(30)
})

/** Returns all parts of a snapshot that affect decisions, as plain data. */
function meaningOf({ issuers, services, routes }: Snapshot): unknown {
  const tree = (requirement: Requirement | undefined): unknown =>
    requirement && [requirement.demand, requirement.reason, requirement.subRequirements.map(tree)]
  return {
    issuers,
    services: services.map(({ issuers, ...service }) => ({ ...service, issuers: [...issuers] })),
    routes: routes.map(({ requirement, shadow, service, addresses, ...route }) => ({
      ...route,
      service: service.id,
      requirement: tree(requirement),
      shadow: tree(shadow),
      near: addresses?.permits(Uint8Array.of(10, 1, 2, 3)),
    })),
  }
}

test('a printed policy is valid, compiles to the same rules, and is printed again as the same text', () => {
  fc.assert(
    fc.property(writtenPolicy(2, 3), (policy) => {
      const snapshot = compiledFrom(yamlOf(policy))
      fc.pre(snapshot !== undefined)
      const printed = printPolicy(sourceOf(yamlOf(policy)).document)
      const again = sourceOf(yamlOf(printed))
      expect(meaningOf(compilePolicy(again))).toEqual(meaningOf(snapshot!))
      expect(printPolicy(again.document)).toEqual(printed)
    }),
    { numRuns: 60 },
  )
})

test('no value of `require` other than `public` makes a route public', () => {
  const near = fc.constantFrom(
    ...['Public', 'PUBLIC', ' public', 'public ', 'pub', '', '~', 'true', '*', 'all', 'none', 'any'],
  )
  const anything = fc.oneof(near, fc.jsonValue({ maxDepth: 3 }), fc.constant(undefined))
  const odd = fc.oneof(anything, fc.dictionary(fc.constantFrom('all', 'any', 'not', 'scopes', 'public'), anything))
  fc.assert(
    fc.property(odd, (require) => {
      fc.pre(require !== 'public')
      const routes = [{ id: 'r', match: { path: '/' }, require }]
      const issuers = { main: { issuer: 'https://main.test', audience: ['a'] } }
      const text = yamlOf({ version: 1, issuers, services: { s: { upstreams: ['http://s'], routes } } })
      const snapshot = compiledFrom(text)
      if (snapshot !== undefined) expect(publicOf(snapshot)).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('a policy with random edits compiles or is rejected with a ConfigError, and only routes with require: public are public', () => {
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.constantFrom(0, 0, 1, 2, 12),
    put: fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom('\n', '  ', 'require: ', 'public', '{}', '[]', '#', '&a ', '*a', '!', '<<: ', 'null', '- '),
    ),
  })
  let compiled = 0
  fc.assert(
    fc.property(writtenPolicy(1, 2), fc.array(edit, { minLength: 1, maxLength: 2 }), (policy, edits) => {
      let text = yamlOf(policy)
      for (const { at, cut, put } of edits) {
        const start = Math.floor(at * text.length)
        text = text.slice(0, start) + put + text.slice(start + cut)
      }
      const snapshot = compiledFrom(text)
      if (snapshot === undefined) return
      compiled++
      expect(publicOf(snapshot)).toEqual(publicIn(text))
    }),
    { numRuns: 400 },
  )
  expect(compiled).toBeGreaterThan(3)
})
