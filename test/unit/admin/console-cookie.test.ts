import { describe, expect, test } from 'vitest'
import {
  claimedConsoleSession,
  clearConsoleCookie,
  readConsoleCookie,
  setConsoleCookie,
  siteOf,
} from '../../../gateway/admin/login/console-cookie.ts'

const site = (host: string, more: { origin?: string; configured?: string } = {}) =>
  siteOf({ host, ...(more.origin && { origin: more.origin }) }, more.configured)

test.each([
  ['admin.login.origin', 'gate.test', { configured: 'https://gate.test' }, 'https'],
  ['admin.login.origin with a port', 'GATE.test:9443', { configured: 'https://gate.test:9443' }, 'https'],
  ['the field Origin', 'gate.test:9090', { origin: 'http://gate.test:9090' }, 'http'],
  [
    'the field Origin, before another configured origin',
    'b.test',
    { configured: 'https://a.test', origin: 'http://b.test' },
    'http',
  ],
  ['nothing that names the host', 'gate.test', { configured: 'https://a.test', origin: 'http://b.test' }, undefined],
])('the admin plane learns the scheme (http or https) of the console from %s', (_, host, more, scheme) => {
  expect(site(host, more).scheme).toBe(scheme)
})

describe('a cookie of the console', () => {
  test('has the prefix __Host- and Secure under https', () => {
    expect(setConsoleCookie('session', site('gate.test', { configured: 'https://gate.test' }), 'v')).toBe(
      '__Host-gatehouse-console=v; Path=/; Secure; HttpOnly; SameSite=Strict',
    )
    expect(setConsoleCookie('login', site('gate.test:9443', { configured: 'https://gate.test:9443' }), 'v', 600)).toBe(
      '__Host-gatehouse-console-login-9443=v; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax',
    )
  })

  test('has the port in its name under http, and the cookie of a log-in applies to the callback path only', () => {
    const loopback = site('127.0.0.1:9090', { origin: 'http://127.0.0.1:9090' })
    expect(setConsoleCookie('session', loopback, 'v')).toBe(
      'gatehouse-console-9090=v; Path=/; HttpOnly; SameSite=Strict',
    )
    expect(setConsoleCookie('login', loopback, 'v', 600)).toBe(
      'gatehouse-console-login-9090=v; Max-Age=600; Path=/callback; HttpOnly; SameSite=Lax',
    )
  })

  test('is for https when the scheme is unknown, except at a loopback host', () => {
    expect(setConsoleCookie('session', site('gate.test'), 'v')).toContain('Secure')
    for (const host of ['localhost:1', '127.1.2.3', '[::1]:9']) {
      expect(setConsoleCookie('session', site(host), 'v')).not.toContain('Secure')
    }
  })

  test('is deleted under both names when the scheme is unknown', () => {
    const cleared = clearConsoleCookie('session', site('gate.test:1'))
    expect(cleared.map((line) => line.split('=')[0])).toEqual(['__Host-gatehouse-console-1', 'gatehouse-console-1'])
  })
})

test.each([
  ['under its name', 'a=b; gatehouse-console-9090=v', {}, 'v'],
  ['under the name of another port', 'gatehouse-console-9091=v', {}, undefined],
  ['of a log-in', 'gatehouse-console-login-9090=v', {}, undefined],
  ['twice', 'gatehouse-console-9090=v; gatehouse-console-9090=w', {}, undefined],
  ['of https and of http', 'gatehouse-console-9090=v; __Host-gatehouse-console-9090=w', {}, 'w'],
  ['of http at a console under https', 'gatehouse-console-9090=v', { configured: 'https://gate.test:9090' }, undefined],
])(
  'the console session cookie that the admin plane reads from a request with a cookie %s is $3 (undefined: none)',
  (_, cookie, more, value) => {
    expect(readConsoleCookie('session', { cookie }, site('gate.test:9090', more))).toBe(value)
  },
)

test('a request claims a console session only if it has the field X-Gatehouse-Console: 1 and a console session cookie', () => {
  const cookie = 'a=b; gatehouse-console-9090=v; __Host-gatehouse-console=w; gatehouse-console-login-1=x'
  const claimed = claimedConsoleSession({ cookie, 'x-gatehouse-console': '1' })
  expect(claimed).toBe('gatehouse-console-9090=v;__Host-gatehouse-console=w')
  expect(claimedConsoleSession({ cookie })).toBeUndefined()
  expect(claimedConsoleSession({ cookie, 'x-gatehouse-console': '0' })).toBeUndefined()
  expect(claimedConsoleSession({ cookie: 'a=b', 'x-gatehouse-console': '1' })).toBeUndefined()
})
