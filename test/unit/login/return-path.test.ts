// S-088: after a login, the gate redirects the browser to a path of the gate, and never to another site.

import { expect, test } from 'vitest'
import { returnPath } from '../../../gateway/login/return-path.ts'

const publicUrl = 'https://good.test'

test.each([
  '/',
  '/a',
  '/a/b?c=d',
  '/a?x=//evil',
  '/a?x=https://evil',
  // Browsers do not change a backslash in the query.
  '/a?x=\\b',
  '/a%20b/%C3%A9',
  // A service can accept encoded slashes (`encoded_slashes: keep`).
  '/files/a%2Fb',
  '/app/',
])('the gate accepts %s as the return path after a login', (wanted) => {
  expect(returnPath(wanted, publicUrl)).toBe(wanted)
  expect(returnPath(publicUrl + wanted, publicUrl)).toBe(wanted)
})

test.each([
  '//evil',
  '///evil',
  '/\\evil',
  '\\\\evil',
  'https:evil',
  'https:/evil',
  '/%09/evil',
  '/\t/evil',
  '/%5cevil',
  '/%5Cevil',
  '/%2fevil',
  '/%2Fevil',
  '/%2F/evil',
  '/a/%2F%2E%2E/evil',
  '/a\\b',
  'https://good@evil',
  'https://good.test@evil',
  'https://good.test.evil',
  'https://good.test.evil/',
  'https://good.test:444/a',
  'http://good.test/a',
  'https://good.test//evil',
  '/.//evil',
  '/../evil',
  '/a/..//evil',
  '/%2e%2e//evil',
  'javascript:alert(1)',
  'data:text/html,x',
  '/%0d%0aSet-Cookie:a=b',
  '/a\r\nSet-Cookie: a=b',
  '/a b',
  '/a#b',
  'evil',
  '',
  '?',
  `/${'a'.repeat(3000)}`,
  '/.gatehouse/logout',
  '/.gatehouse/login?return_to=/',
  '/oauth2/sign_out',
  null,
  undefined,
])('the gate rejects %j as the return path after a login and uses the path / instead', (wanted) => {
  expect(returnPath(wanted, publicUrl)).toBe('/')
})
