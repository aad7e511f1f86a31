// docs/design/contract.md §3: a path has one normal form, which is matched and forwarded. The gate rejects a path that
// two implementations could read as two different paths.

import { expect, test } from 'vitest'
import { normalizePath, refusedBy } from '../../../gateway/policy/path-form.ts'
import { fc } from '../../kit/properties.ts'

function formOf(raw: string): string {
  const path = normalizePath(raw)
  return typeof path === 'string' ? path : `refused: ${path.reason}`
}

test.each([
  ['/', '/'],
  ['/orders/1/', '/orders/1/'],
  ['/a.b/.well-known/x..y/...', '/a.b/.well-known/x..y/...'],
  ["/a!$&'()*+,=:@-._~", "/a!$&'()*+,=:@-._~"],
  ['/a[1]|2', '/a[1]|2'],
  // S-021
  ['/%61dmin', '/admin'],
  ['/%7Euser', '/~user'],
  // S-022: decoded once only
  ['/%2561dmin', '/%2561dmin'],
  ['/%252e%252e/', '/%252e%252e/'],
  ['/a%3ab', '/a%3Ab'],
  ['/%20', '/%20'],
  // S-023: valid UTF-8 is fine
  ['/%c3%a9', '/%C3%A9'],
  ['/%e2%82%ac%F0%9f%98%80', '/%E2%82%AC%F0%9F%98%80'],
  ['/%ed%9f%bf%ee%80%80%f4%8f%bf%bf', '/%ED%9F%BF%EE%80%80%F4%8F%BF%BF'],
  // paths that the settings of the service accept or reject after the match
  ['/a%2fb', '/a%2Fb'],
  ['/a;v=1/b', '/a;v=1/b'],
])('the normal form of the path %s is %s', (raw, path) => {
  expect(formOf(raw)).toBe(path)
})

test.each<[raw: string, reason: string]>([
  // S-018
  ['/public/../admin', 'path-dot-segment'],
  ['/public/%2e%2e/admin', 'path-dot-segment'],
  ['/public/.%2E/admin', 'path-dot-segment'],
  ['/.', 'path-dot-segment'],
  ['/a/..', 'path-dot-segment'],
  ['/./a', 'path-dot-segment'],
  // S-019
  ['/public%2f..%2fadmin', 'path-dot-segment'],
  ['/a%2F%2e', 'path-dot-segment'],
  ['/a%5cb', 'path-backslash'],
  ['/a%5Cb', 'path-backslash'],
  ['/a\\b', 'path-backslash'],
  // S-020
  ['//admin', 'path-empty-segment'],
  ['/a//b', 'path-empty-segment'],
  ['/a//', 'path-empty-segment'],
  // S-023
  ['/%00', 'path-control'],
  ['/%0d%0a', 'path-control'],
  ['/%7f', 'path-control'],
  ['/%zz', 'path-escape'],
  ['/%', 'path-escape'],
  ['/%4', 'path-escape'],
  ['/a%4/b', 'path-escape'],
  ['/%u002e', 'path-escape'],
  ['/%c0%ae%c0%ae', 'path-utf8'],
  ['/%ff', 'path-utf8'],
  ['/%c3', 'path-utf8'],
  ['/%c3a', 'path-utf8'],
  ['/%c3%28', 'path-utf8'],
  ['/%a9', 'path-utf8'],
  ['/%e0%80%80', 'path-utf8'],
  ['/%e2%82', 'path-utf8'],
  ['/%ed%a0%80', 'path-utf8'],
  ['/%f0%80%80%80', 'path-utf8'],
  ['/%f4%90%80%80', 'path-utf8'],
  ['/%f5%80%80%80', 'path-utf8'],
  ['/é', 'target-malformed'],
  ['/\xc0\xaf', 'target-malformed'],
  ['/a b', 'target-malformed'],
  ['/a\tb', 'target-malformed'],
  ['/a\x7f', 'target-malformed'],
  ...[...'<>"{}^`?'].map((char) => [`/a${char}b`, 'path-raw-character'] as [string, string]),
  // S-024
  ['/a/..;/admin', 'path-dot-segment'],
  ['/a/.;x/b', 'path-dot-segment'],
  ['/a/..%3b/b', 'path-dot-segment'],
  ['/a/;x/b', 'path-empty-segment'],
  // S-025
  ['/admin#x', 'path-fragment'],
  ['/a#/admin', 'path-fragment'],
  ['', 'target-malformed'],
  ['*', 'target-malformed'],
  ['http://a/b', 'target-malformed'],
])('the gate rejects the path %j with the reason %s', (raw, reason) => {
  expect(formOf(raw)).toBe(`refused: ${reason}`)
})

test.each([
  { path: '/a%2Fb', encodedSlashes: 'refuse', pathParameters: 'allow', reason: 'path-encoded-slash' },
  { path: '/a%2Fb', encodedSlashes: 'keep', pathParameters: 'refuse', reason: undefined },
  { path: '/a;v=1', encodedSlashes: 'keep', pathParameters: 'refuse', reason: 'path-parameter' },
  { path: '/a;v=1', encodedSlashes: 'refuse', pathParameters: 'allow', reason: undefined },
  { path: '/a', encodedSlashes: 'refuse', pathParameters: 'refuse', reason: undefined },
] as const)(
  'a service with encoded_slashes $encodedSlashes and path_parameters $pathParameters rejects the path $path with: $reason (undefined: accepts)',
  ({ path, reason, ...service }) => {
    expect(refusedBy(service, path)?.reason).toBe(reason)
  },
)

test('the gate rejects a path with an encoded slash or a path parameter if the request matches no service', () => {
  expect(refusedBy(undefined, '/a%2Fb')?.reason).toBe('path-encoded-slash')
  expect(refusedBy(undefined, '/a;b')?.reason).toBe('path-parameter')
})

const target = fc
  .array(fc.constantFrom(...'aZ0-._~/;%', '%2e', '%2E', '%2f', '%41', '%c3%a9', '%25', '..', '//', 'é', '#'), {
    maxLength: 14,
  })
  .map((parts) => `/${parts.join('')}`)

test('normalizing a normalized path again does not change the path', () => {
  fc.assert(
    fc.property(target, (raw) => {
      const path = normalizePath(raw)
      if (typeof path === 'string') expect(normalizePath(path)).toBe(path)
    }),
    { numRuns: 2000 },
  )
})

test('the normal form of a path decodes to the same text as the path, and a URL parser does not change the normal form', () => {
  fc.assert(
    fc.property(target, (raw) => {
      const path = normalizePath(raw)
      if (typeof path !== 'string') return
      expect(decodeURIComponent(path)).toBe(decodeURIComponent(raw))
      expect(new URL(path, 'http://a').pathname).toBe(path)
    }),
    { numRuns: 2000 },
  )
})
