import { fc } from '../../kit/properties.ts'
import type { WholeBrought } from './requirement-input.ts'

/** A requirement in the form of the policy text. */
export interface WrittenTree {
  readonly all?: readonly WrittenTree[]
  readonly any?: readonly WrittenTree[]
  readonly not?: WrittenTree
  readonly scopes?: Names
  readonly roles?: Names
  readonly claims?: Readonly<Record<string, Values>>
  readonly clients?: { readonly any: readonly string[]; readonly issuer: string }
  readonly headers?: Readonly<Record<string, { readonly any: readonly string[] }>>
  readonly addresses?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
  readonly time?: { readonly from?: string; readonly to?: string; readonly days?: readonly string[] }
}

interface Lists<T> {
  readonly all?: readonly T[]
  readonly any?: readonly T[]
}

type Names = Lists<string>
type Values = Lists<string | number | boolean>

// Only a few names, so that required names and names in the request often match.
const name = fc.constantFrom('a', 'b', 'c')
const claimValue = fc.constantFrom<string | number | boolean>('a', 'b', '1', 1, 0, true, false, 'true')
export const claimName = fc.constantFrom('x', 'y', 'x.z')
export const fieldName = fc.constantFrom('h-1', 'h-2')
const clientName = name
const issuerName = fc.constantFrom('main', 'partner')

const someOf = <T>(value: fc.Arbitrary<T>) => fc.uniqueArray(value, { minLength: 1, maxLength: 3 })

function lists<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Lists<T>> {
  return fc
    .record({ all: someOf(value), any: someOf(value) }, { requiredKeys: [] })
    .filter(({ all, any }) => all !== undefined || any !== undefined)
}

const blocks = someOf(fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '192.0.2.1', '2001:db8::/32'))
const time = fc.constantFrom(
  { from: '08:00', to: '18:00' },
  { from: '18:00', to: '08:00' },
  { days: ['mon', 'sun'] },
  { from: '12:00', days: ['tue'] },
)
const leaves: readonly fc.Arbitrary<WrittenTree>[] = [
  fc.record({ scopes: lists(name) }),
  fc.record({ roles: lists(name) }),
  fc.record({ claims: fc.dictionary(claimName, lists(claimValue), { minKeys: 1 }) }),
  fc.record({ clients: fc.record({ any: someOf(clientName), issuer: issuerName }) }),
  fc.record({ headers: fc.dictionary(fieldName, fc.record({ any: someOf(name) }), { minKeys: 1 }) }),
  fc.record({ addresses: fc.oneof(fc.record({ allow: blocks }), fc.record({ deny: blocks })) }),
  fc.record({ time }),
]
const leaf = fc.oneof(...leaves)

/** Two random requirements of the same kind. */
export const leafPair = fc.oneof(...leaves.map((each) => fc.tuple(each, each)))

/** Random requirements of every kind, including nested ones. */
export const writtenTree: fc.Arbitrary<WrittenTree> = fc.letrec<{ tree: WrittenTree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.record({ all: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('tree') }),
  ),
})).tree

const names = fc.subarray(['a', 'b', 'c'])
const value = fc.oneof(claimValue, fc.array(claimValue, { maxLength: 3 }))
const field = fc.tuple(fc.constantFrom('h-1', 'h-2', 'h_1'), fc.constantFrom('a', 'b', 'd'))
/** Random requests, of which many meet many of the random requirements. */
export const brought: fc.Arbitrary<WholeBrought> = fc.record({
  scopes: names,
  roles: names,
  claims: fc.record({ x: fc.oneof(value, fc.record({ z: value })), y: value }, { requiredKeys: [] }) as fc.Arbitrary<
    Record<string, unknown>
  >,
  issuer: issuerName,
  client: fc.option(clientName, { nil: undefined }),
  session: fc.boolean(),
  acr: fc.constant('plain'),
  fields: fc.array(field, { maxLength: 3 }),
  address: fc.constantFrom('10.0.0.1', '10.1.2.3', '192.0.2.1', '192.0.2.2', '2001:db8::1', '::1'),
  now: fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) }).map((ms) => new Date(ms).toISOString()),
})

const segment = fc.constantFrom('a', 'b', '*')
const path = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.constantFrom('', '/**'))
  .map(([segments, open]) => `/${segments.join('/')}`.replace(/\/$/, open === '' ? '/' : '') + open)
/** Placeholder for the first segment of the path of a route. */
const own = '/own'
const route = fc.record(
  {
    match: fc.record(
      { path, host: fc.constantFrom('a.test', '*.test'), methods: someOf(fc.constantFrom('GET', 'POST', 'PUT')) },
      { requiredKeys: ['path'] },
    ),
    require: fc.oneof({ arbitrary: fc.constant('public' as const), weight: 1 }, { arbitrary: writtenTree, weight: 4 }),
    shadow: fc.record({ require: writtenTree }),
    rewrite: fc
      .record(
        {
          strip_prefix: fc.constantFrom(own, own, own, '/a'),
          add_prefix: fc.constantFrom('/v1', '/x/y', '/x/y', 'v1'),
        },
        { requiredKeys: [] },
      )
      .filter((rewrite) => Object.keys(rewrite).length > 0),
    retry: fc.oneof(
      fc.constant('none'),
      fc.record(
        {
          on: fc.constantFrom(['connect'], ['reset', 'timeout'], [503, 'connect']),
          methods: fc.constantFrom(['GET'], ['POST', 'PUT']),
          attempts: fc.constantFrom(2, 5),
          budget: fc.constantFrom('0%', '50%'),
        },
        { requiredKeys: [] },
      ),
    ),
    timeouts: fc.record(
      {
        first_byte: fc.constantFrom('1s', '90s'),
        idle: fc.constantFrom('1s', '1h'),
        total: fc.constantFrom('none', '1m'),
      },
      { requiredKeys: [] },
    ),
    addresses: fc.record({ allow: blocks }),
    body: fc.record({ max: fc.constantFrom('none', '0B', '1KiB', '1500B') }),
  },
  { requiredKeys: ['match', 'require'] },
)

const role = fc.record({ claim: fc.oneof(claimName, fc.constant(['x.y', 'z'])), any: someOf(name) })
const issuers = {
  main: { issuer: 'https://main.test', audience: ['a'] },
  partner: { issuer: 'https://partner.test', audience: ['a'], clock_tolerance: '0s' },
}

/** Returns random policies that are valid, except that a rewrite sometimes does not fit its route. */
export function writtenPolicy(services: number, routes: number) {
  return fc
    .tuple(
      fc.array(fc.array(route, { minLength: 1, maxLength: routes }), { minLength: 1, maxLength: services }),
      fc.record({ a: role, b: role, c: role }),
    )
    .map(([list, roles]) => ({
      version: 1,
      issuers,
      services: Object.fromEntries(
        list.map((each, s) => {
          const named = each.map((entry, r) => withId(`s${s}.r${r}`, entry))
          return [`s${s}`, { issuers: ['main', 'partner'], upstreams: ['http://s.test'], roles, routes: named }]
        }),
      ),
    }))
}

/** Gives a route an id and a path that begins with this id, so that routes rarely conflict. */
function withId<Entry extends { match: { path: string }; rewrite?: { strip_prefix?: string } }>(
  id: string,
  entry: Entry,
) {
  const { match, rewrite, ...rest } = entry
  const stripped = rewrite?.strip_prefix === own ? { ...rewrite, strip_prefix: `/${id}` } : rewrite
  return {
    id,
    match: { ...match, path: `/${id}${match.path}` },
    ...(stripped && { rewrite: stripped }),
    ...rest,
  }
}
