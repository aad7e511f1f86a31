// S-094, S-095: attributes of the session cookie, and which cookies of a request are accepted as a session.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { CookieValues } from '../../../gateway/sessions/cookie-value.ts'
import { hostCookie, loopbackCookie, readCookie } from '../../../gateway/sessions/session-cookie.ts'

const [oldKey, newKey] = ['old', 'new'].map((id) => ({ id, secret: randomBytes(32) })) as [KeyLike, KeyLike]
const values = new CookieValues(new Sealer([oldKey]))

interface KeyLike {
  readonly id: string
  readonly secret: Buffer
}

test('the session cookie has the attributes of RFC 6265bis §4.1.3 and less than 200 bytes', () => {
  const set = hostCookie.set(values.mint().value)

  expect(set).toMatch(/^__Host-gatehouse=[\w-]{43}\.[0-9a-f]{32}; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  expect(set.split(';')[0]!.length).toBeLessThan(200)
  expect(hostCookie.clear).toBe('__Host-gatehouse=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0')
  expect(loopbackCookie.set('x')).toBe('gatehouse-loopback=x; Path=/; HttpOnly; SameSite=Lax')
})

const origin = 'https://a.gate.test'

test.each([
  { field: '__Host-gatehouse=v', value: 'v' },
  { field: 'a=1; __Host-gatehouse=v; b=2', value: 'v' },
  { field: 'a=1;__Host-gatehouse=v;b=2', value: 'v' },
  { field: '__Host-gatehouse=', value: '' },
  { field: 'a=1; __Host-gatehouse=v\u00a0; b=2', value: 'v\u00a0' },
  { field: '__Host-gatehouse="v"', value: '"v"' },
  { field: '', value: undefined },
  { field: ';;; ;', value: undefined },
  { field: 'a=__Host-gatehouse=v', value: undefined },
  { field: 'x__Host-gatehouse=v', value: undefined },
  { field: '__Host-gatehouse2=v', value: undefined },
  { field: '__host-gatehouse=v', value: undefined },
  { field: '__Host-gatehouse', value: undefined },
  { field: '__Host-gatehouse=v; __Host-gatehouse=v', value: undefined },
  { field: `${'__Host-gatehouse=x; '.repeat(19)}__Host-gatehouse=v`, value: undefined },
])(
  'the gate reads the value $value of the session cookie from the Cookie field "$field" (undefined: none)',
  ({ field, value }) => {
    expect(readCookie(field, hostCookie)).toBe(value)
  },
)

test('the session id is found from a session cookie value, which does not contain the id in plain text', () => {
  const { value, id } = values.mint()

  expect(values.read(value, origin)).toEqual({ id, listed: undefined })
  expect(id).toMatch(/^[0-9a-f]{32}$/)
  expect(value).not.toContain(id)
  expect(values.mint().value).not.toBe(value)
})

test.each([
  ['session', () => values.mint().value],
  ['host', () => values.mintFor(values.mint().id, origin).value],
])('the gate rejects a %s cookie value that is changed, cut, quoted or extended', (_, mint) => {
  const value = mint()
  expect(values.read(value, origin)).toBeDefined()
  for (let i = 0; i < value.length; i++) {
    const other = value[i] === 'a' ? 'b' : 'a'
    expect(values.read(value.slice(0, i) + other + value.slice(i + 1), origin), `character ${i}`).toBeUndefined()
    expect(values.read(value.slice(0, i), origin), `length ${i}`).toBeUndefined()
  }
  for (const wrong of [`"${value}"`, `${value}x`, ` ${value}`, 'x'.repeat(8192)]) {
    expect(values.read(wrong, origin)).toBeUndefined()
  }
})

test('a session cookie value stays valid after a key rotation until its key is removed', () => {
  const { value, id } = values.mint()

  expect(new CookieValues(new Sealer([newKey, oldKey])).read(value, origin)?.id).toBe(id)
  expect(new CookieValues(new Sealer([newKey])).read(value, origin)).toBeUndefined()
})

test('a cookie value for one host opens its session at that host only, and two hosts never get the same value', () => {
  const { id } = values.mint()
  const { value, listed } = values.mintFor(id, origin)

  expect(values.read(value, origin)).toEqual({ id, listed })
  for (const other of ['https://b.gate.test', 'http://a.gate.test', 'https://a.gate.test:8443']) {
    expect(values.read(value, other), other).toBeUndefined()
  }
  expect(values.mintFor(id, origin).value).not.toBe(value)
  expect(values.mintFor(values.mint().id, origin).listed).not.toBe(listed)
})
