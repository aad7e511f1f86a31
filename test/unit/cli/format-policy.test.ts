// `gatehouse fmt` formats a policy without changing its effect or losing a comment.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { formatPolicy } from '../../../gateway/cli/format-policy.ts'
import { ConfigError } from '../../../gateway/config/problem.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { differenceOf } from '../../../gateway/policy/difference/difference-of.ts'
import { fc } from '../../kit/properties.ts'
import { sourceOf } from '../policy/policy-text.ts'
import { writtenPolicy } from '../policy/random-policy.ts'

const format = (text: string) => formatPolicy('policy.yaml', text)

const written = `# Policy of the shop
version: 1
services:
    # The order service
    orders:
        routes:
        # Reads
        - require: { scopes: { all: ["orders:read"] } } # since May
          match: {methods: [GET, POST], path: /orders}
          id: read
        -   id: write

            # Writes
            match: { path: '/orders/*' }
            require: public
        upstreams:
        - http://orders-1:8080
        # The second one
        - http://orders-2:8080

# Issuers
issuers:
   main:
       # Only this API
       audience: [a]
       issuer: "https://idp.test"   # public
`

const formatted = `# Policy of the shop
version: 1

# Issuers
issuers:
  main:
    issuer: "https://idp.test" # public
    # Only this API
    audience: [a]
services:
  # The order service
  orders:
    upstreams:
      - http://orders-1:8080
      # The second one
      - http://orders-2:8080
    routes:
      # Reads
      - id: read
        match: { path: /orders, methods: [GET, POST] }
        require: { scopes: { all: ["orders:read"] } } # since May
      - id: write

        # Writes
        match: { path: '/orders/*' }
        require: public
`

test('a formatted policy has the key order of the schema, and each comment beside its entry', () => {
  expect(format(written)).toBe(formatted)
  expect(format(formatted)).toBe(formatted)
})

test('the formatter keeps the order of the keys in a policy with YAML aliases', () => {
  const text = `version: 1
services:
    s: { routes: [{ id: r, require: &read { scopes: { all: [a] } }, match: { path: / }, shadow: { require: *read } }], upstreams: ["http://s"] }
issuers: { main: { issuer: "https://idp.test", audience: [a] } }
`
  expect(format(text).indexOf('issuers:')).toBeGreaterThan(format(text).indexOf('services:'))
  expect(format(format(text))).toBe(format(text))
})

/** Writes a document with random order of keys, indentation and comments. */
function scrambled(document: unknown, { indent, order, comments }: Scramble): string {
  let next = 0
  const pick = () => order[next++ % order.length]!
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, inner]) => [pick(), key, shuffled(inner)] as const)
    return Object.fromEntries(entries.sort(([a], [b]) => a - b).map(([, key, inner]) => [key, inner]))
  }
  const lines = stringify(shuffled(document), { indent, aliasDuplicateObjects: false, lineWidth: 0 }).split('\n')
  return lines
    .map((line, i) => {
      const kind = comments[i % comments.length]!
      if (kind === 1) return `${line} # beside ${i}`
      return kind === 2 ? `${/^ */.exec(line)}# before ${i}\n${line}` : kind === 3 ? `\n${line}` : line
    })
    .join('\n')
}

interface Scramble {
  readonly indent: number
  readonly order: readonly number[]
  readonly comments: readonly number[]
}

const scramble: fc.Arbitrary<Scramble> = fc.record({
  indent: fc.constantFrom(1, 2, 3, 4, 8),
  order: fc.array(fc.nat(9), { minLength: 1, maxLength: 20 }),
  comments: fc.array(fc.nat(5), { minLength: 1, maxLength: 20 }),
})

function compared(text: string) {
  const source = sourceOf(text)
  return { document: source.document, snapshot: compilePolicy(source) }
}

test('the formatter does not change the effect of a random policy, and a second formatting changes nothing', () => {
  let valid = 0
  fc.assert(
    fc.property(writtenPolicy(2, 2), scramble, (policy, how) => {
      const text = scrambled(policy, how)
      let before: ReturnType<typeof compared>
      try {
        before = compared(text)
      } catch (error) {
        if (error instanceof ConfigError) return
        throw error
      }
      valid++
      const result = format(text)
      expect(format(result)).toBe(result)
      expect(differenceOf(before, compared(result)).equal).toBe(true)
    }),
    { numRuns: 60 },
  )
  expect(valid).toBeGreaterThan(20)
})

test.each(['compose/gatehouse', 'demo', 'dev'])('the policy in deploy/%s is formatted', (folder) => {
  const text = readFileSync(new URL(`../../../deploy/${folder}/policy.yaml`, import.meta.url), 'utf8')
  expect(format(text)).toBe(text)
})
