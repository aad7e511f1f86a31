// Each login issuer has its own redirect URIs. A registered redirect URI changes only if the policy says so.

import { expect, test } from 'vitest'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { problemsOf, sourceOf } from './policy-text.ts'

const services = { s: { upstreams: ['http://s.test'], routes: [{ id: 'r', match: { path: '/' }, require: 'public' }] } }
const publicUrls = ['https://a.test', 'https://b.test']

/** @param logins  `login.redirect` of each issuer; `none`: no `login`, `unsaid`: a `login` without `redirect` */
function sourceWith(logins: Readonly<Record<string, 'plain' | 'issuer' | 'unsaid' | 'none'>>) {
  const issuers = Object.entries(logins).map(([name, redirect]) => {
    const login = { client_id: 'c', ...(redirect !== 'unsaid' && { redirect }) }
    const entry = { issuer: `https://${name.replaceAll('.', 'dot')}.test`, audience: ['a'] }
    return [name, redirect === 'none' ? entry : { ...entry, login }]
  })
  const document = { version: 1, issuers: Object.fromEntries(issuers), services }
  return sourceOf(JSON.stringify(document))
}

test.each([
  ['the only login issuer', { main: 'unsaid' }, { main: 'plain' }],
  ['the only login issuer beside an issuer without login', { main: 'unsaid', other: 'none' }, { main: 'plain' }],
  ['the only login issuer with redirect: issuer', { main: 'issuer' }, { main: 'issuer' }],
  [
    'two login issuers with redirect, one of them plain',
    { main: 'plain', other: 'issuer' },
    { main: 'plain', other: 'issuer' },
  ],
  ['two login issuers with redirect: issuer', { main: 'issuer', other: 'issuer' }, { main: 'issuer', other: 'issuer' }],
] as const)(
  'the policy compiler gives %s (%j; unsaid: no `redirect`) the redirects %j, and the printed policy has the same redirects',
  (_, logins, expected) => {
    const source = sourceWith(logins)
    const redirectsOf = (given: typeof source) =>
      Object.fromEntries(compilePolicy(given).loginIssuers.map(({ name, login }) => [name, login!.redirect]))

    expect(redirectsOf(source)).toEqual(expected)
    expect(redirectsOf(sourceOf(JSON.stringify(printPolicy(source.document))))).toEqual(expected)
  },
)

test.each([
  ['two login issuers without redirect', { main: 'unsaid', other: 'unsaid' }, ['main.login', 'other.login']],
  ['a second login issuer without redirect', { main: 'plain', other: 'unsaid' }, ['other.login']],
  ['a first login issuer without redirect', { main: 'unsaid', other: 'issuer' }, ['main.login']],
  [
    'a first login issuer without redirect beside one with redirect: plain',
    { main: 'unsaid', other: 'plain' },
    ['main.login'],
  ],
  ['two login issuers with redirect: plain', { main: 'plain', other: 'plain' }, ['other.login.redirect']],
  ['a login issuer whose name is not a path segment', { '..': 'issuer' }, ['...login']],
] as const)('the policy compiler rejects %s (%j; unsaid: no `redirect`)', (_, logins, at) => {
  const problems = problemsOf(() => compilePolicy(sourceWith(logins)))

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual(
    at.map((path) => `GH_POLICY_LOGIN issuers.${path}`),
  )
})

test('if two issuers with login have no `redirect`, the error for each names every redirect URI to register at it, and none of the other issuer', () => {
  const source = sourceWith({ main: 'unsaid', other: 'unsaid' })
  const problems = problemsOf(() => compilePolicy(source, { publicUrls }))

  const names = ['main', 'other']
  for (const [i, name] of names.entries()) {
    const hint = problems[i]!.hint!
    expect(hint).toContain(`register at ${name}: `)
    expect(hint).not.toContain(`/${names[1 - i]}`)
    for (const origin of publicUrls) {
      for (const base of ['/.gatehouse/callback', '/oauth2/callback']) {
        expect(hint).toContain(`${origin}${base}/${name} `)
        expect(hint).toMatch(new RegExp(`with plain: [^)]*${origin}${base}[ )]`))
      }
    }
  }
  expect(problemsOf(() => compilePolicy(source))[0]?.hint).toContain('PUBLIC_URL/.gatehouse/callback/main')
})

test.each([
  ['plain', 'other.login.redirect'],
  ['unsaid', 'other.login'],
] as const)(
  'beside an issuer with login and redirect: plain, the error for a second issuer with redirect %s (unsaid: none) proposes only redirect URIs with the name of the second issuer',
  (redirect, at) => {
    const [problem] = problemsOf(() => compilePolicy(sourceWith({ main: 'plain', other: redirect })))

    expect(problem?.path).toBe(`issuers.${at}`)
    expect(problem?.hint).toBe(
      'set redirect: issuer; register at other: PUBLIC_URL/.gatehouse/callback/other PUBLIC_URL/oauth2/callback/other',
    )
  },
)
