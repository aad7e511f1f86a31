// The cookie jar of the demo implements the part of RFC 6265 §5 that the issuer's login uses.

import { expect, test } from 'vitest'
import { CookieJar } from '../../../deploy/demo/cookie-jar.ts'

test.each([
  { path: '/login/1', sent: 'a=1; b=2' },
  { path: '/login/1/x', sent: 'a=1; b=2' },
  { path: '/login/10', sent: 'b=2' },
  { path: '/', sent: 'b=2' },
])('the cookie jar of the demo sends the cookies "$sent" for the path $path', ({ path, sent }) => {
  const jar = new CookieJar()
  jar.store(['a=1; path=/login/1; httponly', 'b=2; Path=/; SameSite=lax'])

  expect(jar.fieldFor(path)).toBe(sent)
})

test('in the cookie jar of the demo, a later cookie replaces an earlier cookie of the same name, and an expired cookie of the same name removes it', () => {
  const jar = new CookieJar()
  jar.store(['a=1; path=/', 'b=x=y; path=/', 'c=1; path=/'])
  jar.store(['a=2; path=/', 'c=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT'])

  expect(jar.fieldFor('/')).toBe('a=2; b=x=y')
})
