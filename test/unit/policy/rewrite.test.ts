// S-031: a rewritten path is in normal form and never outside `add_prefix`. Prefixes are whole segments, and every path
// of the route has the stripped prefix.

import { expect, test } from 'vitest'
import { normalizePath } from '../../../gateway/policy/path-form.ts'
import { rewritten } from '../../../gateway/policy/services/rewrite.ts'
import { fc } from '../../kit/properties.ts'
import { mainIssuer, problemsOf, snapshotOf } from './policy-text.ts'

const policyWith = (path: string, rewrite: object, service: object = {}) => {
  const routes = [{ id: 'r', match: { path }, require: 'public', rewrite }]
  return `version: 1\n${mainIssuer}\nservices: ${JSON.stringify({ s: { upstreams: ['http://s'], ...service, routes } })}\n`
}
const problemsWith = (...args: Parameters<typeof policyWith>) =>
  problemsOf(() => snapshotOf(policyWith(...args))).map(({ code, path, message }) => `${code} ${path}: ${message}`)

test.each([
  ['/orders/**', { strip_prefix: '/orders' }, '/orders', '/'],
  ['/orders/**', { strip_prefix: '/orders' }, '/orders/', '/'],
  ['/orders/**', { strip_prefix: '/orders' }, '/orders/1/2/', '/1/2/'],
  ['/orders/**', { strip_prefix: '/orders' }, '/orders/orders/1', '/orders/1'],
  ['/orders/**', { strip_prefix: '/orders', add_prefix: '/v1' }, '/orders', '/v1'],
  ['/orders/**', { strip_prefix: '/orders', add_prefix: '/v1' }, '/orders/', '/v1/'],
  ['/orders/**', { strip_prefix: '/orders', add_prefix: '/v1' }, '/orders/1', '/v1/1'],
  ['/orders/**', { add_prefix: '/v1' }, '/orders/1', '/v1/orders/1'],
  ['/**', { add_prefix: '/v1' }, '/', '/v1/'],
  ['/a/b/*', { strip_prefix: '/a/b', add_prefix: '/x/y' }, '/a/b/%C3%A9', '/x/y/%C3%A9'],
  ['/a', { strip_prefix: '/a', add_prefix: '/b' }, '/a', '/b'],
  ['/a', { strip_prefix: '/a' }, '/a', '/'],
])('a route %s with the rewrite %j forwards the path %s as %s', (pattern, rewrite, path, forwarded) => {
  const [route] = snapshotOf(policyWith(pattern, rewrite)).routes

  expect(rewritten(path, route!.rewrite!)).toBe(forwarded)
})

const at = 'GH_POLICY_REWRITE services.s.routes[0].rewrite'
const notLeading = 'must consist of the first segments of every path that the route matches, such as /api for /api/**'

test.each([
  ['/orders/**', { strip_prefix: '/order' }, `${at}.strip_prefix: ${notLeading}`],
  ['/orders/**', { strip_prefix: '/orders/1' }, `${at}.strip_prefix: ${notLeading}`],
  ['/orders', { strip_prefix: '/orders/x' }, `${at}.strip_prefix: ${notLeading}`],
  ['/**', { strip_prefix: '/orders' }, `${at}.strip_prefix: ${notLeading}`],
  ['/*/x', { strip_prefix: '/orders' }, `${at}.strip_prefix: ${notLeading}`],
  ['/Orders/**', { strip_prefix: '/orders' }, `${at}.strip_prefix: ${notLeading}`],
  ['/*/x', { strip_prefix: '/*' }, `${at}.strip_prefix: must be literal, without *`],
  ['/a/**', { strip_prefix: '/a/' }, `${at}.strip_prefix: must end with a whole segment, not with /`],
  ['/a/**', { strip_prefix: '/' }, `${at}.strip_prefix: must end with a whole segment, not with /`],
  ['/a/**', { strip_prefix: '' }, `${at}.strip_prefix: must start with /`],
  ['/a/**', { add_prefix: 'v1' }, `${at}.add_prefix: must start with /`],
  [
    '/a/**',
    { add_prefix: '/v1/..' },
    `${at}.add_prefix: is a prefix that the gate rejects in requests (path-dot-segment)`,
  ],
  [
    '/a/**',
    { add_prefix: '/v1//x' },
    `${at}.add_prefix: is a prefix that the gate rejects in requests (path-empty-segment)`,
  ],
  [
    '/a/**',
    { add_prefix: '/v1?x' },
    `${at}.add_prefix: is a prefix that the gate rejects in requests (path-raw-character)`,
  ],
  ['/a/**', { add_prefix: '/v1#x' }, `${at}.add_prefix: is a prefix that the gate rejects in requests (path-fragment)`],
  ['/a/**', { add_prefix: '/%76' }, `${at}.add_prefix: must be in normal form: /v`],
  ['/a/**', { add_prefix: '/v%2f1' }, `${at}.add_prefix: must be in normal form: /v%2F1`],
  ['/a/**', { add_prefix: '/v%2F1' }, `${at}.add_prefix: is a path that service s rejects (path-encoded-slash)`],
  ['/a/**', { add_prefix: '/v;1' }, `${at}.add_prefix: is a path that service s rejects (path-parameter)`],
])('the policy compiler rejects a route %s with the rewrite %j', (pattern, rewrite, problem) => {
  expect(problemsWith(pattern, rewrite)).toEqual([problem])
})

test('the policy compiler reports problems of both prefixes of a rewrite, and reports an invalid path pattern only once', () => {
  expect(problemsWith('/a/**', { strip_prefix: 'x', add_prefix: 'y' })).toHaveLength(2)
  expect(problemsWith('/a/../b', { strip_prefix: '/a' })).toEqual([
    expect.stringContaining('GH_POLICY_PATTERN services.s.routes[0].match.path'),
  ])
})

test('a prefix of a rewrite can contain encoded slashes and path parameters if the service accepts them', () => {
  const lenient = { encoded_slashes: 'keep', path_parameters: 'allow' }

  expect(problemsWith('/a%2Fb/**', { strip_prefix: '/a%2Fb', add_prefix: '/c;d' }, lenient)).toEqual([])
})

test('the path after a rewrite is in normal form, starts with add_prefix and keeps its other segments', () => {
  const segment = fc
    .string({
      minLength: 1,
      maxLength: 4,
      unit: fc.constantFrom('a', '.', '-', '%2F', '%3B', '%25', ';', '%C3%A9', '~'),
    })
    .filter((text) => normalizePath(`/${text}`) === `/${text}`)
  const segments = fc.array(segment, { maxLength: 4 })
  fc.assert(
    fc.property(segments, segments, segments, fc.boolean(), (strip, add, rest, slash) => {
      const stripPrefix = strip.map((text) => `/${text}`).join('')
      const addPrefix = add.map((text) => `/${text}`).join('')
      const tail = rest.map((text) => `/${text}`).join('') + (slash ? '/' : '')
      const path = stripPrefix + tail === '' ? '/' : stripPrefix + tail
      const forwarded = rewritten(path, { stripPrefix, addPrefix })

      expect(normalizePath(forwarded)).toBe(forwarded)
      expect(forwarded === addPrefix || forwarded.startsWith(`${addPrefix}/`)).toBe(true)
      expect(forwarded.split('/').filter(Boolean)).toEqual([...add, ...rest])
    }),
    { numRuns: 500 },
  )
})
