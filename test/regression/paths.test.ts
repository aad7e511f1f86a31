import { beforeAll, expect, test } from 'vitest'
import { connect } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { GateUnderAttack, scope, together } from './gate-under-attack.ts'
import { expectNothingThrough, expectRefused } from './refusal.ts'

// The gate matches and forwards one normal form of a path, or rejects the request (docs/design/attack-cases.md, "Paths
// and hosts").

let gate: GateUnderAttack
/** A gate whose service `raw` accepts escaped slashes and path parameters. */
let keeping: GateUnderAttack

beforeAll(async () => {
  const upstreams = ['http://127.0.0.1:1']
  const overlapping = Array.from({ length: 40 }, (_, n) => {
    const segments = Array.from({ length: 1 + (n >> 1) }, (_, i) => (i % 2 === n % 2 ? 'a' : '*'))
    return { id: `wide-${n}`, match: { path: `/wide/${segments.join('/')}/**` }, require: scope('wide') }
  })
  gate = await GateUnderAttack.start({
    rawEntry: {
      routes: [
        { id: 'raw', match: { path: '/raw/**' }, require: 'public' },
        {
          id: 'based',
          match: { path: '/based/**' },
          require: 'public',
          rewrite: { strip_prefix: '/based', add_prefix: '/v1' },
        },
      ],
    },
    services: {
      exact: { upstreams, routes: [{ id: 'exact', match: { path: '/exact' }, require: scope('exact') }] },
      wide: { upstreams, routes: overlapping },
    },
  })
  keeping = await GateUnderAttack.start({ rawEntry: { encoded_slashes: 'keep', path_parameters: 'allow' } })
})

const get = (target: string, host: string, ...fields: readonly string[]) =>
  [`GET ${target} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n')
const bearer = (at: GateUnderAttack, ...scopes: readonly string[]) => `Authorization: Bearer ${at.token(...scopes)}`

type Refused = readonly [target: string, reason: string]
type Forwarded = readonly [target: string, forwarded: string]
const targetsOf = (rows: readonly (readonly [target: string, ...rest: unknown[]])[]) => rows.map(([target]) => target)

/** Adds one test per row: the gate rejects the target for this reason, although the request has a valid token. */
function refuses(title: string, rows: readonly Refused[], at: () => GateUnderAttack = () => gate): void {
  const attack = together(at, targetsOf(rows), (target, host) => get(target, host, bearer(at(), 'orders:admin')))

  test.each(rows)(title, async (target, reason) => {
    const code = reason === 'target-malformed' ? 'bad_request' : 'ambiguous_path'
    expectRefused(await attack(target), { code, reason })
  })
}

/** Adds one test per row: the service `raw` receives the request with exactly this target. */
function forwards(title: string, rows: readonly Forwarded[], at: () => GateUnderAttack = () => gate): void {
  const attack = together(at, targetsOf(rows), (target, host) => get(target, host))

  test.each(rows)(title, async (target, forwarded) => {
    const { replies, records, recorded } = await attack(target)

    expect(replies).toMatchObject([{ status: 200 }])
    expect(recorded.map(({ head }) => head.split('\r\n')[0])).toEqual([`GET ${forwarded} HTTP/1.1`])
    expect(records).toMatchObject([{ decision: 'admitted', path: forwarded.replace(/\?.*$/, '') }])
  })
}

/** Adds one test per row: the request gets 401 from a protected route, or 404 because no route matches. */
function keepsOut(
  title: string,
  targets: readonly string[],
  status: 401 | 404,
  record: object,
  ...scopes: string[]
): void {
  const fields = () => (status === 401 ? [] : [bearer(gate, ...scopes)])
  const attack = together(
    () => gate,
    targets,
    (target, host) => get(target, host, ...fields()),
  )

  test.each(targets)(title, async (target) => {
    const { replies, records, ...seen } = await attack(target)

    expectNothingThrough(seen)
    expect(replies).toMatchObject([{ status }])
    expect(records).toMatchObject([record])
  })
}

const because = (reason: string, ...targets: readonly string[]): readonly Refused[] =>
  targets.map((target) => [target, reason])

refuses('S-018 the gate rejects a dot segment and does not resolve it: %s', [
  ...because('path-dot-segment', '/public/../admin/x', '/public/%2e%2e/admin/x', '/public/.%2E/admin/x'),
  ...because('path-dot-segment', '/public/%2e./admin/x', '/public/%2E%2e/admin/x', '/public/..', '/public/%2e%2e'),
  ...because('path-dot-segment', '/public/./x', '/public/%2e/x', '/public/.', '/..', '/.', '/../public/x'),
  ...because('path-dot-segment', '/public/..;/admin/x', '/public/.;x/admin/x', '/public/%2e%2e;x/admin/x'),
  ...because('path-dot-segment', '/public/..%2fadmin/x', '/public/%2e%2e%2Fadmin/x', '/public%2f..%2fadmin/x'),
  ...because('path-dot-segment', '/public/x%2f..', '/public/..%3b/admin/x', '/public/..?x'),
])

forwards('S-018 the gate forwards dots that form no dot segment: %s', [
  ['/raw/...', '/raw/...'],
  ['/raw/.well', '/raw/.well'],
  ['/raw/..a', '/raw/..a'],
  ['/raw/a..', '/raw/a..'],
  ['/raw/a../b', '/raw/a../b'],
  ['/raw/%2e%2e%2e', '/raw/...'],
  ['/raw/a%2e', '/raw/a.'],
])

refuses('S-019 the gate rejects an escaped slash or any backslash: %s', [
  ...because('path-encoded-slash', '/public/a%2fb', '/public/a%2Fb', '/public%2fadmin', '/public%2Fadmin'),
  ...because('path-encoded-slash', '/nowhere%2fadmin', '/%2fadmin/x', '/admin%2fx'),
  ...because('path-backslash', '/public/a%5cb', '/public/a%5Cb', '/public/a\\b', '/public\\..\\admin'),
])

forwards(
  'S-019 a service with encoded_slashes: keep and path_parameters: allow gets escaped slashes and parameters: %s',
  [
    ['/raw/a%2fb', '/raw/a%2Fb'],
    ['/raw/a%2Fb%2f', '/raw/a%2Fb%2F'],
    ['/raw/a;b=1', '/raw/a;b=1'],
    ['/raw/a%3bb', '/raw/a%3Bb'],
  ],
  () => keeping,
)

refuses(
  'S-019 with encoded_slashes: keep for one service, the gate still makes all other path checks: %s',
  [
    ...because('path-dot-segment', '/raw/a%2f..%2fadmin', '/raw/a%2f%2e%2e', '/raw/..%2fx', '/raw/..;x', '/raw/..%3bx'),
    ...because('path-backslash', '/raw/a%5cb'),
    ...because('path-empty-segment', '/raw//a', '/raw/;a'),
    ...because('path-encoded-slash', '/public/a%2fb', '/nowhere/a%2fb', '/admin/a%2fb'),
    ...because('path-parameter', '/public/a;b', '/nowhere/a;b'),
  ],
  () => keeping,
)

refuses(
  'S-020 the gate rejects an empty path segment: %s',
  because(
    'path-empty-segment',
    '//admin/x',
    '/public//b',
    '/public/b//',
    '//',
    '///public/x',
    '/public/;x',
    '/;/public/x',
  ),
)

forwards('S-021 the gate matches and forwards the path %s as %s', [
  ['/%72aw/x', '/raw/x'],
  ['/r%61w/%78', '/raw/x'],
  ['/raw/%7e%2D%5f%2e', '/raw/~-_.'],
  ['/raw/%41%5A%61%7A%30%39', '/raw/AZaz09'],
  ['/raw/%3a%40%21', '/raw/%3A%40%21'],
  ['/raw/a%20b%25', '/raw/a%20b%25'],
  ['/raw/%c3%a9', '/raw/%C3%A9'],
  ['/raw/%e2%82%ac%f0%9f%98%80', '/raw/%E2%82%AC%F0%9F%98%80'],
  ["/raw/!$&'()*+,=:@|[]", "/raw/!$&'()*+,=:@|[]"],
])

test('S-021 the gate decodes /%61dmin to /admin and requires the scope of the route of /admin', async () => {
  const without = await gate.attack(get('/%61dmin/x', 'api.test'))
  const withScope = await gate.attack(get('/%61dm%69n/x', 'api.test', bearer(gate, 'orders:admin')))

  expectNothingThrough(without)
  expect(without.replies).toMatchObject([{ status: 401 }])
  expect(without.records).toMatchObject([{ route: 'admin', path: '/admin/x', reason: 'credential-missing' }])
  expect(withScope.replies).toMatchObject([{ status: 200 }])
  expect(withScope.requests).toMatchObject([{ url: '/admin/x' }])
})

keepsOut(
  'S-022 the gate decodes the path %s only once and does not match /admin',
  ['/%2561dmin/x', '/%252561dmin/x', '/%252e%252e/admin/x', '/%25%36%31dmin/x'],
  404,
  { reason: 'route-unknown' },
  'orders:admin',
)

forwards('S-022 the gate decodes the path %s only once and forwards %s', [
  ['/raw/%252e%252e/admin', '/raw/%252e%252e/admin'],
  ['/raw/%252F..a', '/raw/%252F..a'],
  ['/raw/%25%32%65', '/raw/%252e'],
])

const invalid: readonly Refused[] = [
  ...because('path-control', '%00', '%0d%0a', '%0D%0AX-A:%201', '%09', '%1f', '%7f'),
  ...because('path-escape', '%zz', '%', '%%34%31', '%u002e', '%-1', '%+1', '%0x', '%4g'),
  ...because('path-utf8', '%c0%ae%c0%ae', '%c0%af', '%c1%9c', '%e0%80%af', '%f0%80%80%af', '%ed%a0%80', '%f4%90%80%80'),
  ...because('path-utf8', '%f8%88%80%80%80', '%ff', '%c3', '%c3x', '%c3%28', '%80', '%e2%82', '%f0%9f%98'),
  ...because('target-malformed', '\xc0\xaf', '\xc3\xa9', '\xff', '\x7f'),
  ...because('path-raw-character', '<', '>', '"', '{x}', '}', '^', '`'),
]

refuses(
  'S-023 the gate rejects an invalid path character or escape at any position: %j',
  invalid.flatMap(([text, reason]): Refused[] => [
    [`/public/${text}`, reason],
    [`/public/a${text}/c`, reason],
    [`/${text}/public/x`, reason],
  ]),
)

refuses(
  'S-023 the gate rejects a query with non-ASCII or control bytes: %j',
  because('target-malformed', '/public/x?a=\xc3\xa9b', '/public/x?\xff', '/public/x?a\x7fb'),
)

refuses('S-024 the gate rejects a path parameter: %s', [
  ...because('path-parameter', '/admin;x=1', '/admin/x;jsessionid=1', '/public/a;/b', '/public;/x', '/nowhere;x'),
  ...because('path-dot-segment', '/public/..;/admin/x'),
])

refuses(
  'S-025 the gate rejects a fragment in the target: %s',
  because('path-fragment', '/admin#x', '/public#/admin', '/public/x#', '/#/public/x', '/public/x#?y'),
)

keepsOut(
  'S-026 the gate matches %s without its query: the route of /admin requires a token',
  ['/admin/x?x=/public/', '/admin/x?/../public/x', '/admin/x?', '/admin/x??/public/x', '/admin?#/public/x'],
  401,
  { route: 'admin', reason: 'credential-missing' },
)

forwards(
  'S-026 the gate forwards a query byte for byte: %s',
  ['', 'a', '?', 'a=/../..//;%2f%zz', '%00%0d%0a', `!$&'()*+,;=:@/?#[]<>"{}|\\^\``, 'a=%61&a=b&&='].map(
    (query): Forwarded => [`/raw/x?${query}`, `/raw/x?${query}`],
  ),
)

keepsOut(
  'S-027 the gate replies 404 to the path %s, which does not match the route /exact',
  ['/exact/', '/EXACT', '/Exact', '/exact.', '/exact/x', '/exac', '/exact%20', '/exact*', '/'],
  404,
  { reason: 'route-unknown' },
  'exact',
)

refuses('S-031 the gate rejects a path that could leave the base path of a service: %s', [
  ...because('path-dot-segment', '/based/../admin', '/based/%2e%2e/admin', '/based/..', '/based/a/../../x', '/based/.'),
  ...because('path-dot-segment', '/based/..;/x', '/based/..%2fx'),
  ...because('path-empty-segment', '/based//admin', '/based//'),
  ...because('path-backslash', '/based/..%5cx', '/based\\..\\x'),
  ...because('path-encoded-slash', '/based%2f/x', '/based/a%2f'),
])

const rebased = together(
  () => gate,
  [
    '/based',
    '/based/',
    '/based/a',
    '/%62ased/a',
    '/based/v1',
    '/based/based/a',
    '/based/%252e%252e/a',
    '/based/a?../..',
  ],
  (target, host) => get(target, host),
)

test.each([
  ['/based', '/v1'],
  ['/based/', '/v1/'],
  ['/based/a', '/v1/a'],
  ['/%62ased/a', '/v1/a'],
  ['/based/v1', '/v1/v1'],
  ['/based/based/a', '/v1/based/a'],
  ['/based/%252e%252e/a', '/v1/%252e%252e/a'],
  ['/based/a?../..', '/v1/a?../..'],
])('S-031 the gate forwards the path %s below the base path of the service as %s', async (target, forwarded) => {
  const { replies, recorded } = await rebased(target)

  expect(replies).toMatchObject([{ status: 200 }])
  expect(recorded.map(({ head }) => head.split('\r\n')[0])).toEqual([`GET ${forwarded} HTTP/1.1`])
})

test('S-033 matching a path of 8 kB against forty overlapping patterns takes less than 10 ms of CPU time', async () => {
  const rounds = 100
  const wire = await connect(gate.port)
  const { result, records } = await gate.witness(async () => {
    const before = gate.node.cpuMs()
    const statuses = new Set<number | undefined>()
    for (let n = 0; n < rounds; n++) {
      await wire.send(get(`/wide${'/a'.repeat(4000)}`, 'api.test'))
      statuses.add((await readReply(wire))?.status)
    }
    return { statuses, eachMs: (gate.node.cpuMs() - before) / rounds }
  })
  wire.close()

  expect([...result.statuses]).toEqual([401])
  expect(records).toHaveLength(rounds)
  // CPU time of the whole request, in ms. The limit of 10 ms is ten times the CPU time that matching is allowed to take
  // (1 ms).
  expect(result.eachMs).toBeLessThan(10)
})
